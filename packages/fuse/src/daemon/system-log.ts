import { libc } from "../mount/libc.ts";
import { EAGAIN } from "../wire/errno.ts";
import type { Log, LogLevel } from "./log.ts";

const SOCKET = "/dev/log";
const LOG_DAEMON = 3 << 3;
const PRIORITY: Record<LogLevel, number> = { error: 3, info: 6, debug: 7 };

/** Messages kept for a listener that is about to come back. */
const MOST_WAITING = 100;

/**
 * Sends messages to whoever listens on /dev/log, as syslog(3) does; but that waits for its listener, and so would all
 * users of the mount, for ever if the listener waits for this very mount. Here what cannot be sent is dropped, and
 * the next message that gets through says how many were.
 *
 * After pivot_root(2) the path may lead into the mount, so the thread that serves must not follow it: it does so only
 * now, and has another do it when the listener has changed.
 */
export function sendToSystemLog(path = SOCKET): Log {
  const socket = libc().datagramSocket();
  let connected = libc().connect(socket, path);
  let connecting = false;
  let waiting: Buffer[] = [];
  let dropped = 0;
  // Reads the time zone, which is another path.
  timestamp(new Date());

  const send = (datagram: Buffer): void => {
    const result = connected ? libc().send(socket, datagram) : -1;
    if (result >= 0) return;
    if (connected && result === -EAGAIN) {
      dropped++;
      return;
    }
    connected = false;
    if (waiting.length < MOST_WAITING) waiting.push(datagram);
    else dropped++;
    if (!connecting) void reconnect();
  };
  const reconnect = async (): Promise<void> => {
    connecting = true;
    let late: Buffer[];
    do {
      late = waiting;
      waiting = [];
      connected = await libc().connectLater(socket, path);
      // Who came meanwhile may find what the attempt before did not.
    } while (!connected && waiting.length > 0);
    connecting = false;
    // If there is no listener, there was none to miss anything.
    if (!connected) dropped = 0;
    else for (const datagram of [...late, ...waiting.splice(0)]) send(datagram);
  };

  return (level, message) => {
    if (dropped > 0 && connected) {
      const count = dropped;
      dropped = 0;
      send(datagramOf("error", `${count} messages were lost: the log was full`));
      // Not even that.
      if (dropped > 0) dropped += count - 1;
    }
    send(datagramOf(level, message));
  };
}

function datagramOf(level: LogLevel, message: string): Buffer {
  const head = `<${LOG_DAEMON | PRIORITY[level]}>${timestamp(new Date())} puzzlefs[${process.pid}]`;
  return Buffer.from(`${head}: ${message}`);
}

/** "Nov  1 09:05:59", local time, as RFC 3164 has it. */
function timestamp(date: Date): string {
  const [, month, , , time] = date.toString().split(" ");
  return `${month} ${String(date.getDate()).padStart(2)} ${time}`;
}
