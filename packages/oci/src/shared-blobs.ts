import { hasCode } from "@puzzlefs/linux";
import type { StoredBlob } from "./blob-store.ts";

/** Blobs that stay open although no slice of them is open. */
const MOST_IDLE = 32;

/** One of several users of an open blob. */
export interface SharedBlob {
  readonly blob: StoredBlob;
  /** To be called once. */
  release(): void;
}

interface OpenBlob {
  blob: StoredBlob;
  users: number;
}

/** Blobs that many users read: each is opened once, and the least recently used ones that have no users are closed. */
export class SharedBlobs {
  readonly #opener: (digest: string) => StoredBlob;
  /** The least recently used one first. */
  readonly #blobs = new Map<string, OpenBlob>();
  #idle = 0;
  #closed = false;

  constructor(opener: (digest: string) => StoredBlob) {
    this.#opener = opener;
  }

  /** Throws what the opener throws. */
  open(digest: string): SharedBlob {
    let entry = this.#blobs.get(digest);
    if (entry === undefined) entry = { blob: this.#openNew(digest), users: 0 };
    else {
      this.#blobs.delete(digest);
      if (entry.users === 0) this.#idle--;
    }
    this.#blobs.set(digest, entry);
    entry.users++;
    const { blob } = entry;
    const used = entry;
    return { blob, release: () => this.#release(used) };
  }

  /** Closes those without users now, and the others when their last user releases them. */
  close(): void {
    this.#closed = true;
    this.#closeIdle(0);
  }

  #openNew(digest: string): StoredBlob {
    try {
      return this.#opener(digest);
    } catch (error) {
      if (!hasCode(error, "EMFILE", "ENFILE") || this.#idle === 0) throw error;
      this.#closeIdle(0);
      return this.#opener(digest);
    }
  }

  #release(entry: OpenBlob): void {
    if (--entry.users > 0) return;
    this.#idle++;
    this.#closeIdle(this.#closed ? 0 : MOST_IDLE);
  }

  #closeIdle(most: number): void {
    for (const [digest, { blob, users }] of this.#blobs) {
      if (this.#idle <= most) return;
      if (users > 0) continue;
      this.#blobs.delete(digest);
      this.#idle--;
      blob.close();
    }
  }
}
