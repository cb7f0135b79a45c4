import { isObject, parseJson } from "@puzzlefs/oci";
import type { Answer } from "./answer.ts";
import { RegistryError } from "./errors.ts";
import type { Referrer } from "./interface.ts";
import { isDigest } from "./reference.ts";
import type { RepositorySource } from "./repository-source.ts";

const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";
/** Of a page of a list of referrers, bytes. */
const LIST_LIMIT = 1 << 20;
const MOST_PAGES = 16;
const MOST_REFERRERS = 1000;

/** The tag of the list in registries that have no API for referrers (OCI's referrers tag schema). */
export function referrersTag(digest: string): string {
  return digest.replace(":", "-");
}

/**
 * The manifests of a type whose subject is `digest`: by the API, or, where there is none, by the tag. Throws RegistryError: absent (there is
 * no list, or nothing in it), protocol (also for more pages or entries than are looked at).
 */
export async function listReferrers(
  source: RepositorySource,
  digest: string,
  artifactType: string,
  signal: AbortSignal | undefined,
): Promise<Referrer[]> {
  const what = `referrers of ${digest} in ${source.name}`;
  let entries = await askApi(source, digest, artifactType, what, signal);
  if (entries === undefined) {
    const bytes = await readTag(source, digest, signal);
    entries = bytes === undefined ? [] : entriesOf(bytes, what);
  }
  const referrers = entries.flatMap(referrerOf).filter((one) => one.artifactType === artifactType);
  // A mirror may have the image without them.
  if (referrers.length === 0) throw new RegistryError("absent", `${what}: none`);
  if (referrers.length > MOST_REFERRERS)
    throw new RegistryError("protocol", `${what}: ${referrers.length}, more than ${MOST_REFERRERS}`);
  return referrers;
}

/** Adds a manifest, which the registry has, to the list under the tag. Entries of other tools stay as they are. */
export async function addToTag(
  source: RepositorySource,
  subject: string,
  referrer: Referrer,
  signal: AbortSignal | undefined,
): Promise<void> {
  const what = `referrers of ${subject} in ${source.name}`;
  const bytes = await readTag(source, subject, signal);
  const entries = bytes === undefined ? [] : entriesOf(bytes, what);
  if (entries.some((entry) => isObject(entry) && entry["digest"] === referrer.digest)) return;
  const index = { schemaVersion: 2, mediaType: INDEX_TYPE, manifests: [...entries, referrer] };
  const list = Buffer.from(JSON.stringify(index));
  if (list.length > LIST_LIMIT) throw new RegistryError("refused", `${what}: their list has ${list.length} bytes`);
  await source.putManifest(referrersTag(subject), list, INDEX_TYPE, signal);
}

/** The entries of all pages; undefined where the registry has no such API. */
async function askApi(
  source: RepositorySource,
  digest: string,
  artifactType: string,
  what: string,
  signal: AbortSignal | undefined,
): Promise<unknown[] | undefined> {
  const entries: unknown[] = [];
  let target: string | URL = `${source.repository}/referrers/${digest}?${new URLSearchParams({ artifactType })}`;
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const page = await askPage(source, target, what, signal);
    if (page === undefined) {
      if (pages === 0) return undefined;
      throw new RegistryError("protocol", `${what}: page ${pages + 1} of their list is missing`);
    }
    entries.push(...entriesOf(page.bytes, what));
    if (page.next === undefined) return entries;
    target = page.next;
  }
  throw new RegistryError("protocol", `${what}: their list has more than ${MOST_PAGES} pages`);
}

/** A page, and where the next one is; undefined where it does not exist. */
async function askPage(
  { session, scopes }: RepositorySource,
  target: string | URL,
  what: string,
  signal: AbortSignal | undefined,
): Promise<{ bytes: Buffer; next: URL | undefined } | undefined> {
  const headers = { accept: INDEX_TYPE };
  const attempts = session.attempts(signal);
  for (;;) {
    try {
      const answer = await session.once({ method: "GET", target, what, expected: [200], headers, scopes, signal });
      return { bytes: await answer.bytes(LIST_LIMIT), next: nextPage(answer, what) };
    } catch (error) {
      const isUnknown = error instanceof RegistryError && (error.kind === "absent" || error.kind === "refused");
      if (isUnknown) return undefined;
      await attempts.failed(error);
    }
  }
}

/** The URL of the Link header (RFC 8288) to the next page. Throws RegistryError (protocol) for one of another host. */
function nextPage(answer: Answer, what: string): URL | undefined {
  const [, link] = /(?:^|,)\s*<([^>]*)>\s*;\s*rel="?next"?\s*(?:[,;]|$)/i.exec(answer.header("link") ?? "") ?? [];
  if (link === undefined) return undefined;
  const url = URL.parse(link, answer.url.href);
  if (url?.origin === answer.url.origin && url.username === "" && url.password === "") return url;
  throw new RegistryError("protocol", `${what}: the next page of their list is on another host`);
}

async function readTag(
  source: RepositorySource,
  digest: string,
  signal: AbortSignal | undefined,
): Promise<Buffer | undefined> {
  const options = { accept: [INDEX_TYPE], limit: LIST_LIMIT, ...(signal !== undefined && { signal }) };
  try {
    return (await source.manifest(referrersTag(digest), options)).bytes;
  } catch (error) {
    if (error instanceof RegistryError && error.kind === "absent") return undefined;
    throw error;
  }
}

function entriesOf(bytes: Buffer, what: string): unknown[] {
  const fail = (problem: string): RegistryError => new RegistryError("protocol", `${what}: their list is ${problem}`);
  const list = parseJson(bytes.toString(), fail);
  if (!isObject(list) || !Array.isArray(list["manifests"])) throw fail("no index");
  return list["manifests"];
}

/** An entry; nothing for one that is no descriptor, or by another digest than sha256. */
function referrerOf(entry: unknown): Referrer[] {
  if (!isObject(entry)) return [];
  const { digest, size, mediaType, artifactType, annotations = {} } = entry;
  if (typeof digest !== "string" || !isDigest(digest) || !Number.isSafeInteger(size)) return [];
  if (typeof mediaType !== "string" || typeof artifactType !== "string" || !isObject(annotations)) return [];
  const texts = Object.entries(annotations).filter((pair): pair is [string, string] => typeof pair[1] === "string");
  return [{ digest, size: size as number, mediaType, artifactType, annotations: Object.fromEntries(texts) }];
}
