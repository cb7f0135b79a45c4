import { libc } from "../mount/libc.ts";
import { EAGAIN } from "../wire/errno.ts";
import type { Log, LogLevel } from "./log.ts";

const SOCKET = "/dev/log";
const LOG_DAEMON = 3 << 3;
const PRIORITY: Record<LogLevel, number> = { error: 3, info: 6, debug: 7 };

/**
 * Sends messages to whoever listens on /dev/log, as syslog(3) does. That would wait, with all users of the mount, while
 * the listener does not take its messages, and for ever if it waits for this very mount; here they are dropped, and
 * the next that gets through says how many.
 */
export function sendToSystemLog(path = SOCKET): Log {
  let socket: number | undefined;
  let dropped = 0;
  const send = (level: LogLevel, message: string): boolean => {
    socket ??= libc().datagramSocket();
    const head = `<${LOG_DAEMON | PRIORITY[level]}>${timestamp(new Date())} puzzlefs[${process.pid}]`;
    // Any other failure: nobody listens.
    return libc().sendTo(socket, path, Buffer.from(`${head}: ${message}`)) !== -EAGAIN;
  };
  return (level, message) => {
    if (dropped > 0 && send("error", `${dropped} messages were lost: the log was full`)) dropped = 0;
    if (!send(level, message)) dropped++;
  };
}

/** "Nov  1 09:05:59", local time, as RFC 3164 has it. */
function timestamp(date: Date): string {
  const [, month, , , time] = date.toString().split(" ");
  return `${month} ${String(date.getDate()).padStart(2)} ${time}`;
}
