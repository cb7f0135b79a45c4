import { listMounts } from "@puzzlefs/fuse";
import { absolutePath, escapeText, jsonText } from "@puzzlefs/linux";
import type { PlatformChoice } from "@puzzlefs/oci";
import { collect, defineCommand, type ManualCommand, platformChoice, platformOption } from "../command-line.ts";
import { UsageError } from "../errors.ts";
import { addImages, mountImages, removeImages, unmountImages } from "../podman-store/change-store.ts";
import { fstabLine, layerOptions, type MountState, sourceOf, stateOf } from "../podman-store/layer-mounts.ts";
import { StoreDirectory } from "../podman-store/store-directory.ts";
import type { StoreImage, StoreIndex, StoreLayer } from "../podman-store/store-index.ts";
import { parseNamedImage } from "../podman-store/store-name.ts";
import { writeLine } from "../terminal/output.ts";
import { formatBytes } from "../terminal/quantities.ts";
import { formatTable } from "../terminal/table.ts";

interface Options extends PlatformChoice {
  image?: string[];
  remove?: string[];
  mount?: boolean;
  umount?: boolean;
  fstab?: boolean;
  options?: string[];
  json?: boolean;
}

const example = `
  puzzlefs podman-store /srv/images --image /srv/store:v1=localhost/app:v1
  podman run --rm localhost/app:v1             with additionalimagestores = ["/srv/images"] in storage.conf
  puzzlefs podman-store /srv/images            lists the images, and whether they are mounted
  puzzlefs podman-store /srv/images --remove localhost/app:v1`;

const notes = `
The store is read-only for podman and buildah. An image is mounted, not unpacked. Its name is the tag, if that has a
path, else localhost/LAYOUT:TAG. A name that another image has is moved to the new one. After -o: verify=blob,
require_signature=KEY, driver=NAME, supervise, shared, log_file=FILE, overlay_attributes and the options of mount(8).
DIR may not exist, or be a store that this command made.`;

export function define(): ManualCommand {
  return platformOption(
    defineCommand({
      name: "podman-store",
      description: "Keep a directory of images for podman: an additional image store whose layers are mounts.",
      example,
      notes,
    }),
  )
    .usage("[OPTION]… DIR")
    .argument("<dir>", "the image store")
    .option("--image <oci_dir:tag[=name]>", "add this image and mount it; may be repeated", collect)
    .option(
      "--remove <name>",
      "remove a name or an image's id, and unmount the image with its last name; may be repeated",
      collect,
    )
    .option("--mount", "mount the images that are not mounted, as after a reboot")
    .option("--umount", "unmount all images; they stay in the store")
    .option("--fstab", "do not mount; print the lines of /etc/fstab that mount the images of the store")
    .option("-o, --options <list>", "mount options of the added images, separated by commas", collect)
    .option("--json", "print the images of the store as JSON");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const options = command.opts<Options>();
  const path = absolutePath(command.args[0] as string);
  const index = await perform(path, options, platformChoice(command));
  using store = StoreDirectory.open(path, false);
  if (options.fstab === true) {
    for (const layer of index.layers) writeLine(fstabLine(layer, store.mountpointOf(layer.id)));
    return 0;
  }
  const rows = rowsOf(store, index);
  if (options.json === true) writeLine(jsonText(rows.map(listed)));
  else if (rows.length > 0) {
    const heading = ["name", "id", "content", "mounted", "image"];
    writeLine(formatTable([heading, ...rows.flatMap(cells)], ["left", "left", "right", "left", "left"]));
  }
  return 0;
}

/** Does what the options ask for, and returns the index of the store afterwards. Throws UsageError if they ask for more than one thing. */
async function perform(path: string, options: Options, choice: PlatformChoice): Promise<StoreIndex> {
  const { image: images, remove, mount = false, umount = false, fstab = false, options: lists } = options;
  const asked = [images !== undefined, remove !== undefined, mount, umount].filter(Boolean).length;
  if (asked > 1) throw new UsageError("--image, --remove, --mount or --umount: one at a time");
  if (fstab && images === undefined && asked > 0) throw new UsageError("--fstab is for --image, or alone");
  if (images === undefined && lists !== undefined) throw new UsageError("-o is for --image");
  if (images !== undefined) {
    const settings = { ...choice, options: layerOptions(lists ?? []), mounts: !fstab };
    return addImages(path, { ...settings, images: images.map(parseNamedImage) });
  }
  if (remove !== undefined) return removeImages(path, remove);
  if (mount) return mountImages(path);
  if (umount) return unmountImages(path);
  using store = StoreDirectory.open(path, false);
  return store.index();
}

interface Row {
  image: StoreImage;
  layer: StoreLayer;
  state: MountState;
}

function rowsOf(store: StoreDirectory, { images, layers }: StoreIndex): Row[] {
  const mounts = listMounts();
  return images.flatMap((image) => {
    // Absent: another command has just removed the image.
    const layer = layers.find(({ id }) => id === image.layer);
    return layer === undefined ? [] : { image, layer, state: stateOf(store.mountpointOf(layer.id), mounts) };
  });
}

/** The JSON output. */
function listed({ image, layer, state }: Row): object {
  return {
    names: image.names,
    id: image.id,
    digest: image.digest,
    created: image.created,
    manifest: layer.id,
    ociDir: layer.origin.ociDir,
    options: layer.origin.options,
    contentBytes: layer.contentBytes,
    mounted: state ?? null,
  };
}

const SHOWN_ID = 12;
const STATES: Record<NonNullable<MountState>, string> = {
  kernel: "kernel",
  fuse: "FUSE",
  dead: "its server is dead",
};

function cells({ image, layer, state }: Row): string[][] {
  const names = image.names.length > 0 ? image.names : ["-"];
  const id = image.id.slice(0, SHOWN_ID);
  const mounted = state === undefined ? "no" : STATES[state];
  return names.map((name) => [name, id, formatBytes(layer.contentBytes), mounted, escapeText(sourceOf(layer))]);
}
