import { isDeepStrictEqual } from "node:util";
import { messageOf, realPath } from "@puzzlefs/linux";
import type { PlatformChoice } from "@puzzlefs/oci";
import { UsageError } from "../errors.ts";
import { lockWaiting } from "../lock-waiting.ts";
import { warning } from "../terminal/messages.ts";
import { describeImage, type ImageDocuments } from "./image-documents.ts";
import { detach, mountLayer, stateOf } from "./layer-mounts.ts";
import { StoreDirectory } from "./store-directory.ts";
import { fullName, type NamedImage } from "./store-name.ts";
import type { Origin, StoreImage, StoreIndex, StoreLayer } from "./store-index.ts";

export interface Addition extends PlatformChoice {
  images: readonly NamedImage[];
  /** Mount options. */
  options: string[];
  /** Whether to mount the images. */
  mounts: boolean;
}

/**
 * Adds images to a store, and mounts them. A name that another image has is moved. What the store has already stays as it is, but for mount
 * options: with other ones it is mounted anew, or without `mounts` unmounted. After an error the store has the images, and the mounts, that it
 * had before.
 */
export async function addImages(path: string, { images, options, mounts, ...choice }: Addition): Promise<StoreIndex> {
  using change = await Change.begin(path, true);
  const { store, before } = change;
  const after = structuredClone(before);
  const replaced: Replaced = new Map();
  try {
    for (const { image, name } of images) {
      const documents = describeImage(image, choice, options.includes("overlay_attributes"));
      const layer = add(after, documents, name, { ociDir: realPath(image.ociDir), options });
      store.makeLayer(layer.id);
      store.storeDocuments(documents);
      await endOther(store, layer, before, replaced);
      if (mounts) await ensureMounted(store, layer);
    }
    store.replace(before, after);
  } catch (error) {
    await restore(store, replaced);
    await sweep(store, before);
    throw error;
  }
  return after;
}

/** Adds an image under a name to an index, and returns its layer. */
function add(index: StoreIndex, { image, contentBytes }: ImageDocuments, name: string, origin: Origin): StoreLayer {
  for (const other of index.images)
    if (other.id !== image.id) other.names = other.names.filter((taken) => taken !== name);
  const known = index.images.find(({ id }) => id === image.id);
  if (known === undefined) index.images.push({ ...image, names: [name] });
  else if (!known.names.includes(name)) known.names.push(name);
  const layer = { id: image.layer, created: image.created, contentBytes, origin };
  const at = index.layers.findIndex(({ id }) => id === layer.id);
  if (at === -1) index.layers.push(layer);
  else index.layers[at] = layer;
  return layer;
}

/** Removes names, or images by their ids; an image that loses its last name goes, and is unmounted. Throws UsageError for what the store does not have. */
export async function removeImages(path: string, names: readonly string[]): Promise<StoreIndex> {
  using change = await Change.begin(path, false);
  const { store, before } = change;
  let images = structuredClone(before.images);
  for (const name of names) images = withoutName(images, name);
  const layers = before.layers.filter(({ id }) => images.some(({ layer }) => layer === id));
  const after = { images, layers };
  store.replace(before, after);
  await sweep(store, after);
  return after;
}

/** Mounts all images of a store that are not mounted. */
export async function mountImages(path: string): Promise<StoreIndex> {
  using change = await Change.begin(path, false);
  const { store, before } = change;
  for (const layer of before.layers) await ensureMounted(store, layer);
  return before;
}

/** Unmounts all images of a store, which stay in its index. */
export async function unmountImages(path: string): Promise<StoreIndex> {
  using change = await Change.begin(path, false);
  const { store, before } = change;
  for (const { id } of before.layers) await detach(store.mountpointOf(id));
  return before;
}

/** A store that is locked, and has nothing that earlier commands have left. */
class Change implements Disposable {
  readonly store: StoreDirectory;
  readonly before: StoreIndex;
  readonly #opened: DisposableStack;

  private constructor(store: StoreDirectory, before: StoreIndex, opened: DisposableStack) {
    this.store = store;
    this.before = before;
    this.#opened = opened;
  }

  static async begin(path: string, make: boolean): Promise<Change> {
    using opened = new DisposableStack();
    const store = opened.use(StoreDirectory.open(path, make));
    opened.use(store.lock(lockWaiting()));
    const before = store.index();
    await sweep(store, before);
    return new Change(store, before, opened.move());
  }

  [Symbol.dispose](): void {
    this.#opened[Symbol.dispose]();
  }
}

async function sweep(store: StoreDirectory, index: StoreIndex): Promise<void> {
  for (const id of store.unusedLayers(index)) await detach(store.mountpointOf(id));
  store.sweep(index);
}

/** Layers of the index that are to have another origin, and whether they were mounted. */
type Replaced = Map<StoreLayer, boolean>;

/** Ends the mount of a layer that has another origin in the index, and notes it. */
async function endOther(
  store: StoreDirectory,
  layer: StoreLayer,
  before: StoreIndex,
  replaced: Replaced,
): Promise<void> {
  const earlier = before.layers.find(({ id }) => id === layer.id);
  if (earlier === undefined || isDeepStrictEqual(earlier.origin, layer.origin)) return;
  const wasMounted = await detach(store.mountpointOf(layer.id));
  if (!replaced.has(earlier)) replaced.set(earlier, wasMounted);
}

/** Mounts again, as the index has it, what was replaced. What cannot be mounted is reported. */
async function restore(store: StoreDirectory, replaced: Replaced): Promise<void> {
  for (const [earlier, wasMounted] of replaced) {
    const mountpoint = store.mountpointOf(earlier.id);
    try {
      await detach(mountpoint);
      if (wasMounted) await mountLayer(earlier, mountpoint);
    } catch (error) {
      warning(`${mountpoint}: not mounted again: ${messageOf(error)}`);
    }
  }
}

/** A dead server is replaced. */
async function ensureMounted(store: StoreDirectory, layer: StoreLayer): Promise<void> {
  const mountpoint = store.mountpointOf(layer.id);
  const state = stateOf(mountpoint);
  if (state !== undefined && state !== "dead") return;
  await detach(mountpoint);
  await mountLayer(layer, mountpoint);
}

const LEAST_ID = 12;

function withoutName(images: readonly StoreImage[], text: string): StoreImage[] {
  const name = fullName(text);
  const named = images.find(({ names }) => name !== undefined && names.includes(name));
  if (named !== undefined) {
    const names = named.names.filter((other) => other !== name);
    return images.flatMap((image) => (image !== named ? image : names.length > 0 ? { ...image, names } : []));
  }
  const hex = text.replace(/^sha256:/, "");
  const found = images.filter(({ id }) => hex.length >= LEAST_ID && id.startsWith(hex));
  if (found.length === 1) return images.filter((image) => image !== found[0]);
  throw new UsageError(`'${text}' is not the name or the id of an image of the store`);
}
