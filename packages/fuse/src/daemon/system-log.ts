import { connect, connectLater, datagramSocket, EAGAIN, send as sendDatagram } from "@puzzlefs/linux";
import type { Log, LogLevel } from "./log-level.ts";

const SOCKET = "/dev/log";
const LOG_DAEMON = 3 << 3;
const PRIORITY: Record<LogLevel, number> = { error: 3, info: 6, debug: 7 };

/** Messages kept while the socket is being connected again. */
const MOST_WAITING = 100;

/** A socket that is connected to the system log, if there is one. Another process can go on with it. */
export function connectToSystemLog(path = SOCKET): number {
  const socket = datagramSocket();
  connect(socket, path);
  return socket;
}

/**
 * Sends messages to the process that listens on /dev/log, as syslog(3) does. But syslog(3) waits for the listener: all users
 * of the mount would wait too, permanently if the listener itself waits for this mount. Here, messages that cannot be sent
 * are dropped, and the next one that is sent reports their number.
 *
 * After pivot_root(2) the path may lead into the mount, so the thread that serves must not follow it: another thread
 * connects again when the listener has changed. A process that is confined to its store finds no listener then.
 *
 * @param socket from connectToSystemLog()
 */
export function sendToSystemLog(socket: number, path = SOCKET): Log {
  let connected = true;
  let connecting = false;
  let waiting: Buffer[] = [];
  let dropped = 0;
  // Reads the time zone, which is another path.
  timestamp(new Date());

  const send = (datagram: Buffer): void => {
    const result = connected ? sendDatagram(socket, datagram) : -1;
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
      connected = await connectLater(socket, path);
      // Messages that came meanwhile: by now the socket may be there.
    } while (!connected && waiting.length > 0);
    connecting = false;
    // Without a listener, dropped messages are not counted.
    if (!connected) dropped = 0;
    else for (const datagram of [...late, ...waiting.splice(0)]) send(datagram);
  };

  return (level, message) => {
    if (dropped > 0 && connected) {
      const count = dropped;
      dropped = 0;
      send(datagramOf("error", `${count} messages were lost: the log was full`));
      // This message was dropped as well.
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
