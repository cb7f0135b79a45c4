import { EINVAL, ENOSYS, ENXIO } from "@puzzlefs/linux";
import type { Handler } from "./handler.ts";
import type { MountableTree } from "./mountable.ts";

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** LSEEK, which the kernel sends for SEEK_DATA and SEEK_HOLE only: returns the offset of the next data or hole. */
export function seekHandler(tree: MountableTree): Handler {
  // After ENOSYS the kernel reports all files as data up to their end, and sends no LSEEK any more.
  if (tree.hasHoles !== true) return () => -ENOSYS;
  return (request, reply) => {
    const { node, seekOffset: offset, seekWhence: whence } = request;
    const attributes = tree.attributes(node);
    if (attributes?.kind !== "file" || (whence !== SEEK_DATA && whence !== SEEK_HOLE)) return -EINVAL;
    // A negative offset is read as a large one.
    if (offset >= attributes.size) return -ENXIO;
    const { hole, end } = tree.extent?.(node, offset) ?? { hole: false, end: attributes.size };
    if (hole === (whence === SEEK_HOLE)) return reply.offset(offset);
    return hole && end === attributes.size ? -ENXIO : reply.offset(end);
  };
}
