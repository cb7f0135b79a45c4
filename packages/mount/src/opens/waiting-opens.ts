import { FileStatus, type OpenEvents } from "@puzzlefs/linux";

/** Opens that are held at once, a descriptor each. Further ones wait in the kernel's queue. */
const MOST = 512;

/** The opens that wait, by inode: each file is asked for once. */
export class WaitingOpens {
  readonly #events: OpenEvents;
  readonly #ask: (inode: bigint) => void;
  readonly #files = new Map<bigint, number[]>();
  readonly #status = new FileStatus();
  #count = 0;
  #watcher: { close(): void } | undefined;

  /** @param ask called with inode numbers, for answer() */
  constructor(events: OpenEvents, ask: (inode: bigint) => void) {
    this.#events = events;
    this.#ask = ask;
    this.#watch();
  }

  /** Lets the opens of a file go on. */
  answer(inode: bigint): void {
    const files = this.#files.get(inode) ?? [];
    this.#files.delete(inode);
    for (const file of files) this.#events.allow(file);
    this.#count -= files.length;
    if (this.#count < MOST) this.#watch();
  }

  #watch(): void {
    this.#watcher ??= this.#events.watch(() => this.#read());
  }

  #read(): void {
    for (const file of this.#events.read()) {
      this.#status.readDescriptor(file);
      const inode = BigInt(this.#status.inode);
      const others = this.#files.get(inode);
      this.#count++;
      if (others !== undefined) {
        others.push(file);
        continue;
      }
      this.#files.set(inode, [file]);
      this.#ask(inode);
    }
    if (this.#count < MOST) return;
    this.#watcher?.close();
    this.#watcher = undefined;
  }
}
