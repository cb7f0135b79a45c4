import { constants, writeSync } from "node:fs";
import { escapeText, isWritable, openNamed } from "@puzzlefs/linux";
import type { Log } from "./log-level.ts";
import { connectToSystemLog, sendToSystemLog } from "./system-log.ts";

/** An opened log, in a form that other processes inherit. */
export interface LogTarget {
  kind: "stderr" | "file" | "system";
  descriptor: number;
}

/** Milliseconds for which a repetition of the same message is dropped. */
const QUIET = 10_000;

/**
 * Opens the log: `logFile` for appending, if given; else stderr if the process that starts the mount stays (`attached`),
 * or the socket of the journal or syslog daemon. Throws if the file cannot be opened.
 */
export function openLog(logFile: string | undefined, attached: boolean): LogTarget {
  if (logFile !== undefined) {
    // Without O_NONBLOCK, a fifo that another user has made there would block this process, or all users of the mount.
    const flags =
      constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOCTTY | constants.O_NONBLOCK;
    return { kind: "file", descriptor: openNamed(logFile, flags, 0o644) };
  }
  return attached ? { kind: "stderr", descriptor: 2 } : { kind: "system", descriptor: connectToSystemLog() };
}

/** The log of an opened target. A message is one line, whatever it contains. */
export function logTo({ kind, descriptor }: LogTarget): Log {
  switch (kind) {
    case "stderr":
      return quietly((level, message) => {
        // It belongs to the caller, so it stays blocking; but users of the mount must not wait for its reader.
        if (isWritable(descriptor, 0)) write(descriptor, `puzzlefs: ${level === "error" ? "error: " : ""}${message}\n`);
      });
    case "file":
      return quietly((level, message) => write(descriptor, `${new Date().toISOString()} ${level} ${message}\n`));
    case "system":
      return quietly(sendToSystemLog(descriptor));
  }
}

/** For messages before a mount has a log of its own. */
export function stderrLog(): Log {
  return logTo({ kind: "stderr", descriptor: 2 });
}

/** For processes that have neither a mount nor a terminal. */
export function openSystemLog(): Log {
  return logTo(openLog(undefined, false));
}

/** Makes each message one line, and drops repetitions: one broken blob fails every read of it. */
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
