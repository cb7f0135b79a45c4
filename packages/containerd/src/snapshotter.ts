import { messageOf } from "@puzzlefs/linux";
import { digestHex, MANIFEST_LABEL, packedChainId } from "@puzzlefs/oci";
import type { SnapshotDatabase } from "./database.ts";
import type { SnapshotDirectories } from "./directories.ts";
import { SnapshotError } from "./errors.ts";
import { parseFilters } from "./filter.ts";
import type { Images } from "./images.ts";
import { isPack, packLayerOf, TARGET } from "./pack-layer.ts";
import { Kind, type Labels, membersOf, type Snapshot, type Usage } from "./snapshot.ts";

const LONGEST_LABEL = 4096;

/** What containerd mounts for a container; options as of fstab. */
export interface MountDescription {
  type: "bind" | "overlay";
  source: string;
  options: string[];
}

/**
 * The operations of a snapshotter. Snapshots of ordinary images are directories over which overlays are mounted, as in containerd's own
 * overlay snapshotter. The bootstrap of a packed image becomes the image: snapshots over it have the image's mount as their lowest
 * directory. Packs that are layers change nothing of it.
 */
export class Snapshotter {
  readonly #database: SnapshotDatabase;
  readonly #directories: SnapshotDirectories;
  readonly #images: Images;
  readonly #log: (message: string) => void;

  constructor(
    database: SnapshotDatabase,
    directories: SnapshotDirectories,
    images: Images,
    log: (message: string) => void,
  ) {
    this.#database = database;
    this.#directories = directories;
    this.#images = images;
    this.#log = log;
  }

  /** A writable snapshot. Throws SnapshotError (alreadyExists) also where `labels` name a snapshot that needs no unpacking. */
  async prepare(key: string, parent: string, labels: Labels): Promise<MountDescription[]> {
    checkLabels(labels);
    this.#refuseReady(parent, labels);
    await this.#refusePack(parent, labels);
    return this.#create(Kind.ACTIVE, key, parent, labels);
  }

  /** A read-only snapshot. */
  async view(key: string, parent: string, labels: Labels): Promise<MountDescription[]> {
    checkLabels(labels);
    return this.#create(Kind.VIEW, key, parent, labels);
  }

  /** The mounts of a snapshot that is not committed; after a start of the machine the image below is mounted again. */
  async mounts(key: string): Promise<MountDescription[]> {
    const snapshot = this.#database.get(key);
    if (snapshot.kind === Kind.COMMITTED)
      throw new SnapshotError("precondition", `snapshot ${JSON.stringify(key)}: committed snapshots have no mounts`);
    if (snapshot.base === undefined) return this.#describe(snapshot);
    return this.#images.use(snapshot.base, () => this.#describe(this.#database.get(key)));
  }

  /** Makes an active snapshot one that others may be made over. Its files are on the disk then. */
  async commit(name: string, key: string, labels: Labels): Promise<void> {
    checkLabels(labels);
    if (name === "") throw new SnapshotError("invalid", "a snapshot needs a name");
    const snapshot = this.#database.get(key);
    if (snapshot.kind !== Kind.ACTIVE)
      throw new SnapshotError("precondition", `snapshot ${JSON.stringify(key)}: not active`);
    const { id } = snapshot;
    const image = this.#imageIn(snapshot);
    let usage: Usage = { bytes: 0, inodes: 0 };
    if (image === undefined) {
      usage = await this.#directories.measure(id);
      await this.#directories.sync(id);
    }
    this.#database.commit(snapshot, name, { ...snapshot.labels, ...labels }, image, usage);
    if (image !== undefined) {
      this.#log(`snapshot ${JSON.stringify(name)}: image sha256:${image}`);
      await this.#directories.remove(id);
    }
    // No container uses it any more.
    if (snapshot.base !== undefined) await this.#images.release(snapshot.base);
  }

  async remove(key: string): Promise<void> {
    const snapshot = this.#database.get(key);
    if (this.#database.hasChildren(snapshot))
      throw new SnapshotError("precondition", `snapshot ${JSON.stringify(key)}: other snapshots are over it`);
    this.#database.remove(snapshot);
    await this.#directories.remove(snapshot.id);
    const image = snapshot.image ?? snapshot.base;
    if (image !== undefined) await this.#images.release(image);
  }

  stat(key: string): Snapshot {
    return this.#database.get(key);
  }

  /** @param paths of the members to change: "labels" or "labels.NAME"; none: all that can be changed */
  update(key: string, labels: Labels, paths: readonly string[]): Snapshot {
    checkLabels(labels);
    const snapshot = this.#database.get(key);
    const changed = new Map(Object.entries(paths.length === 0 ? labels : snapshot.labels));
    for (const path of paths) {
      const [, name] = /^labels\.(.+)$/s.exec(path) ?? [];
      if (path === "labels") {
        changed.clear();
        for (const [label, value] of Object.entries(labels)) changed.set(label, value);
      } else if (name === undefined) {
        throw new SnapshotError(
          "invalid",
          `snapshot ${JSON.stringify(key)}: ${JSON.stringify(path)} cannot be changed`,
        );
      } else if (Object.hasOwn(labels, name) && labels[name] !== "") {
        changed.set(name, labels[name] as string);
      } else {
        changed.delete(name);
      }
    }
    this.#database.setLabels(snapshot, Object.fromEntries(changed));
    return this.#database.get(key);
  }

  *list(filters: readonly string[]): Generator<Snapshot> {
    const filter = parseFilters(filters);
    for (const snapshot of this.#database.all()) if (filter(membersOf(snapshot))) yield snapshot;
  }

  /** Of a container's snapshot what was written, of an image what is stored of it. */
  async usage(key: string): Promise<Usage> {
    const { id, parentId, kind, image, size, inodes } = this.#database.get(key);
    // The bytes of packs that are layers over the bootstrap are the image's.
    if (image !== undefined) return { bytes: parentId === undefined ? this.#images.bytesOf(image) : 0, inodes: 0 };
    return kind === Kind.COMMITTED ? { bytes: size, inodes } : this.#directories.measure(id);
  }

  /** Removes what belongs to no snapshot. */
  async cleanup(): Promise<void> {
    await this.#directories.sweep();
    await this.#images.sweep();
  }

  async #create(kind: Kind, key: string, parent: string, labels: Labels): Promise<MountDescription[]> {
    if (key === "") throw new SnapshotError("invalid", "a snapshot needs a key");
    const above = parent === "" ? undefined : this.#database.get(parent);
    if (above !== undefined && above.kind !== Kind.COMMITTED)
      throw new SnapshotError("invalid", `snapshot ${JSON.stringify(parent)}: not committed`);
    const isUnpacked = kind === Kind.ACTIVE && isPack(labels, above);
    const base = isUnpacked ? undefined : (above?.image ?? above?.base);
    const isLowest = kind === Kind.VIEW && above?.image !== undefined;
    const add = (): MountDescription[] => {
      if (base !== undefined && !isLowest) this.#images.checkForOverlay(base);
      // The parent may have been removed meanwhile.
      const now = parent === "" ? undefined : this.#database.get(parent);
      const record = { name: key, kind, labels, parentId: now?.id, image: undefined, base };
      const root = isUnpacked ? undefined : now && this.#layerOf(now);
      return this.#describe(this.#database.add(record, (id) => this.#directories.make(id, root)));
    };
    if (base === undefined) return add();
    try {
      return await this.#images.use(base, add);
    } catch (error) {
      await this.#images.release(base);
      throw error;
    }
  }

  /**
   * Where containerd asks for the bootstrap of a packed image under the name that its layer will have: records the image, and throws
   * SnapshotError (alreadyExists), so that nothing is unpacked. The name is the digest of the archive, which follows from the image: labels of another image
   * have no effect.
   */
  #refuseReady(parent: string, labels: Labels): void {
    const target = labels[TARGET];
    const image = digestHex(labels[MANIFEST_LABEL] ?? "");
    if (target === undefined || image === undefined || parent !== "") return;
    if (target !== packedChainId(image)) {
      this.#log(
        `snapshot ${target}: not the bootstrap of image sha256:${image}, which its labels name: it is unpacked`,
      );
      return;
    }
    this.#database.add({ name: target, kind: Kind.COMMITTED, labels, parentId: undefined, image, base: undefined });
    this.#log(`snapshot ${target}: image sha256:${image}`);
    throw new SnapshotError("alreadyExists", `snapshot ${target}: already exists`);
  }

  /**
   * Where containerd asks for a pack of an image whose packs can be fetched as they are read: records it, and throws SnapshotError (alreadyExists), so
   * that containerd does not fetch it. If the image cannot be settled so, containerd fetches the packs, with its own credentials.
   */
  async #refusePack(parent: string, labels: Labels): Promise<void> {
    const pack = packLayerOf(this.#database, parent, labels);
    if (pack === undefined) return;
    const { image, below, name, source } = pack;
    const record = { name, kind: Kind.COMMITTED, labels, parentId: below.id, image, base: undefined };
    try {
      await this.#images.settle(image, source, () => void this.#database.add(record));
    } catch (error) {
      if (error instanceof SnapshotError && error.kind === "alreadyExists") throw error;
      this.#log(`image sha256:${image}: containerd fetches its packs, it cannot be lazy: ${messageOf(error)}`);
      return;
    }
    throw new SnapshotError("alreadyExists", `snapshot ${name}: already exists`);
  }

  /** The image that an active snapshot becomes. Throws SnapshotError (precondition) for the snapshot of a pack that has files. */
  #imageIn(snapshot: Snapshot): string | undefined {
    const { id, labels, parentId } = snapshot;
    if (parentId === undefined) return this.#directories.bootstrapOf(id);
    const [below] = this.#database.parentsOf(snapshot);
    if (!isPack(labels, below)) return undefined;
    if (this.#directories.isEmpty(id)) return below.image;
    throw new SnapshotError("precondition", `snapshot ${JSON.stringify(snapshot.name)}: a pack is no layer with files`);
  }

  #describe(snapshot: Snapshot): MountDescription[] {
    const { id, kind, labels } = snapshot;
    const content = this.#directories.contentOf(id);
    const parents = this.#database.parentsOf(snapshot);
    // What is unpacked of a pack is an empty archive, and the image is not needed for it.
    if (kind === Kind.ACTIVE && isPack(labels, parents[0])) return [bindMount(content, "rw")];
    const image = parents.findIndex((parent) => parent.image !== undefined);
    const layers = parents.slice(0, image + 1 || parents.length).map((parent) => this.#layerOf(parent));
    const isView = kind === Kind.VIEW;
    if (isView && layers.length <= 1) return [bindMount(layers[0] ?? content, "ro")];
    if (layers.length === 0) return [bindMount(content, "rw")];
    const upper = [`upperdir=${content}`, `workdir=${this.#directories.workOf(id)}`];
    const options = ["index=off", ...(isView ? [] : upper), `lowerdir=${layers.join(":")}`];
    return [{ type: "overlay", source: "overlay", options }];
  }

  #layerOf({ id, image }: Snapshot): string {
    return image === undefined ? this.#directories.contentOf(id) : this.#images.pathOf(image);
  }
}

function bindMount(source: string, access: "ro" | "rw"): MountDescription {
  return { type: "bind", source, options: [access, "rbind"] };
}

function checkLabels(labels: Labels): void {
  for (const [name, value] of Object.entries(labels)) {
    if (Buffer.byteLength(name) + Buffer.byteLength(value) > LONGEST_LABEL)
      throw new SnapshotError(
        "invalid",
        `label ${JSON.stringify(name.slice(0, 80))}: longer than ${LONGEST_LABEL} bytes`,
      );
  }
}
