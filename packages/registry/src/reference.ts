import { jsonText } from "@puzzlefs/linux";
import { RegistryError } from "./errors.ts";
import type { Reference } from "./interface.ts";

/** Of docker's reference grammar; written so that no text takes more than linear time. */
const LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const HOST = new RegExp(String.raw`^(?:${LABEL}(?:\.${LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?$`);
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const LONGEST_NAME = 255;
const LONGEST = 1024;

/**
 * Parses [host[:port]/]repository[:tag][@sha256:…]. The first component is a host if it has a dot or a colon or is
 * "localhost", as for docker and podman; otherwise the name is a short one. Throws RegistryError (reference).
 */
export function parseReference(text: string): Reference {
  const fail = (why: string): never => {
    throw new RegistryError("reference", `${jsonText(text.slice(0, LONGEST))}: not an image in a registry: ${why}`);
  };
  if (text.length > LONGEST) fail("too long");
  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const tagged = at < 0 ? text : text.slice(0, at);
  if (digest !== undefined && !isDigest(digest)) fail("the digest is not sha256: and 64 hex digits");
  const colon = tagged.indexOf(":", tagged.lastIndexOf("/") + 1);
  const tag = colon < 0 ? undefined : tagged.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag)) fail("the tag is not valid");
  const { host, repository } = parseName(colon < 0 ? tagged : tagged.slice(0, colon), fail);
  return { host, repository, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
}

/** Splits and checks [host[:port]/]repository; `fail` throws. */
function parseName(name: string, fail: (why: string) => never): { host: string | undefined; repository: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, slash < 0 ? 0 : slash);
  const host = /[.:]/.test(first) || first === "localhost" ? first : undefined;
  const rest = host === undefined ? name : name.slice(slash + 1);
  if (host !== undefined && !HOST.test(host)) fail("the host is not valid");
  if (rest === "" || !rest.split("/").every((component) => COMPONENT.test(component)))
    fail("the repository must have lower-case letters, digits and separators between slashes");
  if (name.length > LONGEST_NAME) fail(`the name is longer than ${LONGEST_NAME} bytes`);
  return fullName(host, rest);
}

/** Docker Hub's host has two names, and its own images are in "library". */
function fullName(host: string | undefined, repository: string): { host: string | undefined; repository: string } {
  if (host !== "docker.io" && host !== "index.docker.io") return { host, repository };
  return { host: "docker.io", repository: repository.includes("/") ? repository : `library/${repository}` };
}

/** Parses host[:port]/repository, of a location in registries.conf. Throws RegistryError (reference). */
export function parseLocation(text: string): { host: string; repository: string } {
  const { host, repository, tag, digest } = parseReference(text);
  if (host !== undefined && tag === undefined && digest === undefined) return { host, repository };
  throw new RegistryError("reference", `${jsonText(text)}: not host[:port]/repository`);
}

export function isHost(text: string): boolean {
  return HOST.test(text);
}

export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** Throws TypeError: digests from outside are checked before. */
export function checkDigest(text: string): void {
  if (!isDigest(text)) throw new TypeError(`not a digest: ${text}`);
}

/** Throws RegistryError (reference) for what is no tag and no digest. */
export function checkTagOrDigest(text: string): void {
  if (TAG.test(text) || isDigest(text)) return;
  throw new RegistryError("reference", `${jsonText(text.slice(0, LONGEST))}: not a tag and not a sha256 digest`);
}

/** What a request names: the digest, otherwise the tag. */
export function referenceOf({ tag, digest }: Reference): string {
  return digest ?? tag ?? "latest";
}
