export type LogLevel = "error" | "info" | "debug";

/** Writes a message of a mount to its log. Never throws: a mount must not fail because its log does. */
export type Log = (level: LogLevel, message: string) => void;
