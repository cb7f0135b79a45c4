import { Rootfs } from "./generated/metadata.ts";
import { checkRootfs } from "./generated/checks.ts";
import { checkedRoot, MAX_SEGMENTS, openMessage } from "./generated/wire.ts";
import { Bytes } from "./runtime.ts";

/** Opens a metadata blob: checks every rule and gives a view of `bytes`. Throws FormatError. */
export function openMetadata(bytes: Uint8Array): Rootfs {
  const message = openMessage(Bytes.of(bytes), new Uint32Array(MAX_SEGMENTS + 1));
  const image = new Rootfs(checkedRoot(message));
  checkRootfs(image, new Float64Array([bytes.length / 2 + 64]));
  return image;
}
