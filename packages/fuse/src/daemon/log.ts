import { openSync, writeSync } from "node:fs";
import { escapeText } from "@puzzlefs/linux";
import { sendToSystemLog } from "./system-log.ts";

export type LogLevel = "error" | "info" | "debug";

/** Where the daemon's messages go. Never throws: a mount must not fail for want of a log. */
export type Log = (level: LogLevel, message: string) => void;

/** Milliseconds for which a message that repeats itself word for word is held back. */
const QUIET = 10_000;

/** For the foreground. */
export function stderrLog(): Log {
  return quietly((level, message) => write(2, `puzzlefs: ${level === "error" ? "error: " : ""}${message}\n`));
}

/** Appends to `path`, a line with time and level for each message. Throws if it cannot be opened. */
export function fileLog(path: string): { log: Log; descriptor: number } {
  const descriptor = openSync(path, "a", 0o644);
  const log = quietly((level, message) => write(descriptor, `${new Date().toISOString()} ${level} ${message}\n`));
  return { log, descriptor };
}

/** The system log: the journal or a syslog daemon, if there is one. */
export function systemLog(): Log {
  return quietly(sendToSystemLog());
}

/** A line for each message, whatever names are in it. One broken blob fails every read of it: once in a while only. */
function quietly(log: Log): Log {
  const last = new Map<string, number>();
  return (level, text) => {
    const message = escapeText(text);
    if (level !== "debug") {
      const now = Date.now();
      if (now - (last.get(message) ?? -Infinity) < QUIET) return;
      if (last.size > 1000) last.clear();
      last.set(message, now);
    }
    log(level, message);
  };
}

function write(descriptor: number, text: string): void {
  try {
    writeSync(descriptor, text);
  } catch {
    // A full disk or a closed terminal.
  }
}
