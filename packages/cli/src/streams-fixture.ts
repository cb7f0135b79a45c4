import { spawn } from "node:child_process";
import { closeSync, constants, openSync, readFileSync, readSync } from "node:fs";
import { bind, hasCode, ioctl, socketpair } from "@puzzlefs/linux";

const TIOCSPTLCK = 0x40045431;
const TIOCGPTN = 0x80045430;
const TIOCSWINSZ = 0x5414;
const F_SETFL = 4;
const fcntl = bind("int fcntl(int fd, int command, int argument)");

export type Kind = "pipe" | "socket" | "terminal" | "file";

/** An open file that programs inherit, and what they write to it. Everything of it is closed by close(). */
export class Stream {
  /** The end that programs inherit. */
  readonly descriptor: number;
  /** The other end, non-blocking; undefined for a file. */
  readonly #far: number | undefined;
  readonly #received: Buffer[] = [];

  /** @param path of the fifo or the file */
  constructor(kind: Kind, path: string) {
    switch (kind) {
      case "pipe": {
        const pipe = openPipe();
        this.descriptor = pipe[1];
        this.#far = pipe[0];
        break;
      }
      case "socket":
        [this.descriptor, this.#far] = socketpair();
        break;
      case "terminal":
        [this.descriptor, this.#far] = openTerminal();
        break;
      case "file":
        this.descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT);
        this.#far = undefined;
    }
    if (this.#far !== undefined) this.#setFlags(this.#far, constants.O_RDWR | constants.O_NONBLOCK);
  }

  /** File status flags, as the kernel shows them. */
  get flags(): string {
    return /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${this.descriptor}`, "utf8"))?.[1] ?? "";
  }

  makeNonBlocking(): void {
    this.#setFlags(this.descriptor, constants.O_RDWR | constants.O_NONBLOCK);
  }

  resize(columns: number): void {
    ioctl(this.descriptor, TIOCSWINSZ, new Uint8Array(new Uint16Array([24, columns, 0, 0]).buffer));
  }

  /** Takes what has arrived, at most `most` bytes of it. Returns their number. */
  receive(most = 65536): number {
    if (this.#far === undefined) return 0;
    const buffer = Buffer.alloc(most);
    try {
      const length = readSync(this.#far, buffer);
      this.#received.push(buffer.subarray(0, length));
      return length;
    } catch (error) {
      if (hasCode(error, "EAGAIN", "EIO")) return 0;
      throw error;
    }
  }

  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  close(): void {
    closeSync(this.descriptor);
    if (this.#far !== undefined) closeSync(this.#far);
  }

  #setFlags(descriptor: number, flags: number): void {
    fcntl(descriptor, F_SETFL, flags);
  }
}

function openPipe(): [number, number] {
  const ends = new Int32Array(2);
  bind("int pipe2(void *ends, int flags)")(new Uint8Array(ends.buffer), 0o2000000);
  return [ends[0], ends[1]];
}

function openTerminal(): [number, number] {
  const flags = constants.O_RDWR | constants.O_NOCTTY;
  const master = openSync("/dev/ptmx", flags);
  ioctl(master, TIOCSPTLCK, new Uint8Array(4));
  const number = new Uint32Array(1);
  ioctl(master, TIOCGPTN, new Uint8Array(number.buffer));
  return [openSync(`/dev/pts/${number[0]}`, flags), master];
}

export type Streams = Stream | readonly [input: Stream, output: Stream, error: Stream];

export interface Running {
  /** The exit code, or the signal. */
  ended: Promise<number | string | null>;
  pid: number;
}

/**
 * Runs a shell command line with these as its standard input, output and error, whose flags stay as they are; one is
 * for all.
 */
export function runOn(streams: Streams, line: string, cwd: string, env: Record<string, string> = {}): Running {
  const [input, output, error] = streams instanceof Stream ? [streams, streams, streams] : streams;
  // Descriptors up to 2 would be made blocking by libuv in the test.
  const inherited = ["ignore", "ignore", "ignore", input.descriptor, output.descriptor, error.descriptor] as const;
  const child = spawn("/bin/sh", ["-c", `exec <&3 >&4 2>&5 3>&- 4>&- 5>&-; ${line}`], {
    stdio: [...inherited],
    cwd,
    env: { ...process.env, ...env },
    detached: true,
  });
  const ended = new Promise<number | string | null>((settle, fail) => {
    child.once("error", fail).once("exit", (code, signal) => settle(signal ?? code));
  });
  return { ended, pid: child.pid ?? 0 };
}
