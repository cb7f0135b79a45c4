import { isNamed } from "@puzzlefs/linux";
import { namesLayout } from "./image-name.ts";

const TRANSPORT = "docker://";
const HOST = /^(?:\w[\w.-]*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?$/;

/**
 * The name of an image in a registry that a name means; undefined: it names one of a layout, as all names do whose beginning is a layout that
 * exists. The client of registries is loaded after that only.
 */
export function remoteName(text: string): string | undefined {
  if (text.startsWith(TRANSPORT)) return text.slice(TRANSPORT.length);
  const [host = "", rest] = text.split("/", 2);
  if (rest === undefined || !HOST.test(host) || !(/[.:]/.test(host) || host === "localhost")) return undefined;
  return isNamed(host) || namesLayout(text) ? undefined : text;
}
