import { LayoutError } from "./errors.ts";

/** Whether an image may get this tag: tags are what skopeo, umoci and registries accept, and never look like a digest. */
export function isTag(text: string): boolean {
  return /^[A-Za-z0-9_][\w.:@+/-]{0,254}$/.test(text) && !/^(sha256:)?[0-9a-f]{64}$/.test(text);
}

/** Throws LayoutError (refused). */
export function checkTag(tag: string, path: string): void {
  if (!isTag(tag))
    throw new LayoutError("refused", path, `not a tag: ${JSON.stringify(tag)} (letters, digits and _ . : @ + / -)`);
}
