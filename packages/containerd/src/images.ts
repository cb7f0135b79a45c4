import { setTimeout } from "node:timers/promises";
import { findMount, isOurs, type MountEntry, unmount } from "@puzzlefs/fuse";
import { askFileSystem, Directory, messageOf, realPathOf } from "@puzzlefs/linux";
import {
  type DriverChoice,
  hasListener,
  hidesLowerOpens,
  mount,
  mountedImages,
  overlayPrefix,
  refuseOverlayMarks,
} from "@puzzlefs/mount";
import {
  bootstrapBlob,
  collectGarbage,
  isHexDigest,
  Layout,
  lazyState,
  referencedBlobs,
  type StagedBlob,
  Transaction,
  Turns,
  untag,
} from "@puzzlefs/oci";
import { openImageAt } from "@puzzlefs/reader";
import type { Reference, RegistrySettings } from "@puzzlefs/registry";
import type { ContentStore } from "./content-store.ts";
import { SnapshotError } from "./errors.ts";
import { Exclusive } from "./exclusive.ts";
import { receiveLazily } from "./lazy-image.ts";

/** The images that are held have tags with this and the digest of their canonical manifest. */
const TAG = "containerd-";
/** As snapshots of other snapshotters are mounted; only root can reach the mount points. */
const OPTIONS = ["suid", "dev"];
/** Milliseconds for which a server may leave a question about its mount unanswered. */
const PATIENCE = 30_000;
/** A server has the image open for a moment after its mount has ended. */
const MOST_TRIES = 100;
const PAUSE = 50;

/** What the snapshots need. */
export interface ImageNeeds {
  /** An image that a snapshot is. */
  isImageNeeded(image: string): boolean;
  /** An image that is mounted for snapshots of containers. */
  isImageUsed(image: string): boolean;
}

export interface ImageSettings {
  driver: DriverChoice;
  /** How registries are asked for lazy images. */
  access: RegistrySettings;
  /** Milliseconds after which a read that waits for a registry fails; undefined: as `mount` has it. */
  fetchTimeout?: number;
  log: (message: string) => void;
}

/**
 * The images of the snapshots, by the hex sha256 of their canonical manifests. What containers use is held in a store of our own, and mounted,
 * each image once. Which ones those are is recorded by the tags of the store and the list of mounts: there is nothing else that could
 * disagree with it. Work about one image is done in the order of the calls.
 */
export class Images {
  readonly #mounts: Directory;
  readonly #layout: Layout;
  readonly #content: ContentStore;
  readonly #needs: ImageNeeds;
  readonly #settings: ImageSettings;
  readonly #log: (message: string) => void;
  readonly #exclusive = new Exclusive();
  /** Questions whether a server is alive: one at a time for each mount, because each that has no answer yet keeps a thread. */
  readonly #questions = new Map<string, Promise<boolean>>();
  /** Images of which an overlay would not show what they have, and why; undefined: it would. */
  readonly #marks = new Map<string, Error | undefined>();

  /**
   * @param mounts a directory for mount points, which only root can reach; with `layout` it is closed by close()
   */
  constructor(mounts: Directory, layout: Layout, content: ContentStore, needs: ImageNeeds, settings: ImageSettings) {
    this.#mounts = mounts;
    this.#layout = layout;
    this.#content = content;
    this.#needs = needs;
    this.#settings = settings;
    this.#log = settings.log;
  }

  close(): void {
    this.#mounts.close();
    this.#layout.close();
  }

  /** Where an image is mounted. */
  pathOf(image: string): string {
    return `${this.#mounts.path}/${image}`;
  }

  /**
   * Runs `action` while the image is held and mounted, and does not end that before `action` has recorded a snapshot that needs it. Throws
   * SnapshotError, and the errors of mounting.
   */
  use<T>(image: string, action: (path: string) => T): Promise<T> {
    return this.#exclusive.run(image, async () => {
      await this.#hold(image);
      await this.#mount(image);
      return action(this.pathOf(image));
    });
  }

  /**
   * Runs `record`, which records a snapshot that is this image, once all of the image is held, or all but its packs, which are fetched from `source`. Throws
   * SnapshotError (notFound) where neither is possible, and the errors of receiveLazily().
   */
  async settle(image: string, source: Reference | undefined, record: () => void): Promise<void> {
    try {
      await this.#exclusive.run(image, async () => {
        if (!this.#isHeld(image)) await this.#holdLazily(image, source);
        record();
      });
    } catch (error) {
      await this.release(image);
      throw error;
    }
  }

  /** Throws SnapshotError (precondition) for an image of which an overlay would hide or redirect names. */
  checkForOverlay(image: string): void {
    if (!this.#marks.has(image)) {
      using tree = openImageAt(this.#layout.path, TAG + image);
      let marks: Error | undefined;
      try {
        refuseOverlayMarks(tree, this.pathOf(image), overlayPrefix());
      } catch (error) {
        if (!(error instanceof Error) || error.name !== "OverlayMarksError") throw error;
        marks = error;
      }
      this.#marks.set(image, marks);
    }
    const marks = this.#marks.get(image);
    if (marks !== undefined) throw new SnapshotError("precondition", marks.message, marks);
  }

  /** Stored bytes of an image. */
  bytesOf(image: string): number {
    if (!this.#isHeld(image)) return this.#content.sizeOf(image);
    const { bytes, digest } = this.#layout.manifest(TAG + image);
    const blobs = referencedBlobs(bytes, `manifest sha256:${digest}`);
    return blobs.reduce((sum, { size = 0 }) => sum + size, bytes.length);
  }

  /** Ends what no snapshot needs any more of an image: its mount, and that it is held. */
  release(image: string): Promise<void> {
    return this.#exclusive.run(image, async () => {
      if (!this.#needs.isImageUsed(image)) await this.#unmount(image);
      if (this.#needs.isImageNeeded(image) || !this.#isHeld(image)) return;
      await this.#drop(image);
    });
  }

  /** release() of all images, also of those that an earlier process has left. */
  async sweep(): Promise<void> {
    const held = this.#layout.tags().flatMap((tag) => (tag.startsWith(TAG) ? [tag.slice(TAG.length)] : []));
    const images = new Set([...held, ...this.#mounts.names()].filter(isHexDigest));
    for (const image of images) {
      // One that cannot be released does not keep the others.
      await this.release(image).catch((error: unknown) => this.#log(`image sha256:${image}: ${messageOf(error)}`));
    }
    // What a commit that was killed has left.
    await this.#inStore(() => this.#collect());
  }

  #isHeld(image: string): boolean {
    return this.#layout.tags().includes(TAG + image);
  }

  /** Links the blobs of an image into our store, so that it stays whole when containerd removes them from its own. */
  async #hold(image: string): Promise<void> {
    if (this.#isHeld(image)) return;
    const { manifest, blobs } = await this.#content.find(image);
    await this.#inStore(async () => {
      const turns = new Turns(() => {});
      const transaction = await Transaction.beginAsync(this.#layout, turns);
      try {
        const bootstrap = bootstrapBlob(image);
        const staged: StagedBlob[] = [];
        for (const digest of blobs) {
          if (transaction.has(digest)) continue;
          const isBootstrap = digest === bootstrap.digest;
          staged.push(
            isBootstrap
              ? transaction.writeBlob(bootstrap.bytes)
              : await this.#content.put(digest, transaction.directory),
          );
        }
        const { newBlobs, newBytes } = await transaction.commitAsync(
          { tag: TAG + image, manifest, blobs: staged },
          turns,
        );
        this.#log(`image sha256:${image}: held, ${newBlobs} new blobs of ${newBytes} bytes`);
      } finally {
        transaction.abort();
      }
    });
  }

  /** Holds what containerd has, which may be all, otherwise what a mount needs. */
  async #holdLazily(image: string, source: Reference | undefined): Promise<void> {
    try {
      return await this.#hold(image);
    } catch (error) {
      if (!(error instanceof SnapshotError) || source === undefined) throw error;
      // Names in labels may be the image's own words. What containerd has fetched itself, it may have.
      if (!this.#content.isManifestOf(source.digest ?? "", image)) throw error;
    }
    const { access, log } = this.#settings;
    const exclusively = <T>(work: () => Promise<T>): Promise<T> => this.#inStore(work);
    await receiveLazily(this.#layout, { image, source, tag: TAG + image, access, exclusively, log });
  }

  async #mount(image: string): Promise<void> {
    this.#mounts.makeOrOpen(image, 0o700).close();
    const path = this.pathOf(image);
    if (this.#isMounted(image)) {
      const fault = await this.#faultOf(image);
      if (fault === undefined) return;
      this.#log(`${path}: ${fault}; it is mounted again`);
      await unmount(path, { lazy: true });
    }
    const { fetchTimeout: timeout } = this.#settings;
    // Overlays of containers are containerd's: where they would have to be marked, images that lack chunks are mounted by FUSE.
    const choice = hidesLowerOpens() && this.#lacksChunks(image) ? "fuse" : this.#settings.driver;
    const request = {
      ociDir: this.#layout.path,
      reference: TAG + image,
      mountpoint: path,
      options: OPTIONS,
      driver: choice,
      supervise: true,
      lazy: { byDriver: choice === "kernel", ...(timeout !== undefined && { timeout }) },
      warn: this.#log,
    };
    // For the kernel driver it writes to the store.
    const { driver } = await (choice === "fuse" ? mount(request) : this.#inStore(() => mount(request)));
    this.#log(`${path}: mounted by ${driver === "kernel" ? "the kernel driver" : "FUSE"}`);
  }

  #isMounted(image: string): boolean {
    return this.#mountOf(image) !== undefined;
  }

  #mountOf(image: string): MountEntry | undefined {
    const found = findMount(`${realPathOf(this.#mounts.descriptor, this.#mounts.path)}/${image}`);
    return found !== undefined && isOurs(found) ? found : undefined;
  }

  /** Why containers cannot use a mount any more; undefined: they can. Throws an error if its server does not answer. */
  async #faultOf(image: string): Promise<string | undefined> {
    if (!(await this.#answers(image))) return "its server is dead";
    const found = this.#mountOf(image);
    if (found?.type !== "puzzlefs") return undefined;
    // Another mount of it is the same file system of the driver: with its process, missing chunks are fetched for all containers again.
    return this.#lacksChunks(image) && !hasListener(found) ? "nothing fetches for it" : undefined;
  }

  /** Whether an image is lazy and has not been fetched as a whole. */
  #lacksChunks(image: string): boolean {
    const { missingChunks = 0 } = lazyState(this.#layout, this.#layout.manifest(TAG + image).digest) ?? {};
    return missingChunks > 0;
  }

  /** Whether a mount has a server. Throws an error if that does not answer. */
  async #answers(image: string): Promise<boolean> {
    const timeout = new AbortController();
    const late = setTimeout(PATIENCE, "late" as const, { signal: timeout.signal }).catch(() => "late" as const);
    const first = await Promise.race([this.#questions.get(image) ?? this.#ask(image), late]);
    timeout.abort();
    if (first === "late") throw new Error(`${this.pathOf(image)}: its server does not answer`);
    return first;
  }

  #ask(image: string): Promise<boolean> {
    const root = this.#mounts.directory(image);
    const question = new Promise<boolean>((resolve) => askFileSystem(root.descriptor, resolve)).finally(() => {
      root.close();
      if (this.#questions.get(image) === question) this.#questions.delete(image);
    });
    this.#questions.set(image, question);
    return question;
  }

  async #unmount(image: string): Promise<void> {
    if (!this.#mounts.names().includes(image)) return;
    if (this.#isMounted(image)) {
      // Overlays and binds of containers that are ending keep it in use themselves.
      await unmount(this.pathOf(image), { lazy: true });
      // One without an answer is not about the next mount.
      this.#questions.delete(image);
      this.#log(`${this.pathOf(image)}: unmounted`);
    }
    this.#mounts.removeDirectory(image);
  }

  async #drop(image: string): Promise<void> {
    this.#marks.delete(image);
    const { digest } = this.#layout.manifest(TAG + image);
    await this.#inStore(() => untag(this.#layout, TAG + image));
    for (let tries = MOST_TRIES; tries > 0; tries--) {
      await this.#inStore(() => this.#collect());
      if (!this.#layout.blobs.has(digest)) break;
      await setTimeout(PAUSE);
    }
    this.#log(`image sha256:${image}: held no longer`);
  }

  #collect(): void {
    collectGarbage(this.#layout, { grace: 0, mounted: mountedImages });
  }

  /** Changes of the store, one at a time: its lock is not for the work of one thread. */
  #inStore<T>(work: () => Promise<T> | T): Promise<T> {
    return this.#exclusive.run("", work);
  }
}
