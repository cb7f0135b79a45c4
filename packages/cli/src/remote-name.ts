import { isNamed } from "@puzzlefs/linux";

const TRANSPORT = "docker://";

/** The name of an image in a registry that a name means; undefined: it names one of a layout. The client of registries is loaded after that only. */
export function remoteName(text: string): string | undefined {
  if (text.startsWith(TRANSPORT)) return text.slice(TRANSPORT.length);
  const [host = "", rest] = text.split("/", 2);
  const isHost = rest !== undefined && /^[\w-]+([.:]|$)/.test(host) && (/[.:]/.test(host) || host === "localhost");
  return isHost && !isNamed(host) ? text : undefined;
}
