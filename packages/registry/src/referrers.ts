import { isObject, parseJson } from "@puzzlefs/oci";
import { RegistryError } from "./errors.ts";
import type { Referrer } from "./interface.ts";
import { isDigest } from "./reference.ts";
import type { RepositorySource } from "./repository-source.ts";

const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";
/** Of a list of referrers, bytes and entries. */
const LIST_LIMIT = 1 << 20;
const MOST_REFERRERS = 1000;

/** The tag of the list in registries that have no API for referrers (OCI's referrers tag schema). */
export function referrersTag(digest: string): string {
  return digest.replace(":", "-");
}

/**
 * The manifests of a type whose subject is `digest`: by the API, or, where there is none, by the tag. Of a list in several pages, the first. Throws
 * RegistryError: absent (there is no list, or nothing in it).
 */
export async function listReferrers(
  source: RepositorySource,
  digest: string,
  artifactType: string,
  signal: AbortSignal | undefined,
): Promise<Referrer[]> {
  const what = `referrers of ${digest} in ${source.name}`;
  const bytes = (await askApi(source, digest, artifactType, what, signal)) ?? (await readTag(source, digest, signal));
  const found = bytes === undefined ? [] : entriesOf(bytes, what).flatMap(referrerOf);
  const referrers = found.filter((one) => one.artifactType === artifactType).slice(0, MOST_REFERRERS);
  // A mirror may have the image without them.
  if (referrers.length === 0) throw new RegistryError("absent", `${what}: none`);
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

/** The list; undefined where the registry has no such API. */
async function askApi(
  { session, repository, scopes }: RepositorySource,
  digest: string,
  artifactType: string,
  what: string,
  signal: AbortSignal | undefined,
): Promise<Buffer | undefined> {
  const target = `${repository}/referrers/${digest}?${new URLSearchParams({ artifactType })}`;
  const headers = { accept: INDEX_TYPE };
  const attempts = session.attempts(signal);
  for (;;) {
    try {
      const answer = await session.once({ method: "GET", target, what, expected: [200], headers, scopes, signal });
      return await answer.bytes(LIST_LIMIT);
    } catch (error) {
      const isUnknown = error instanceof RegistryError && (error.kind === "absent" || error.kind === "refused");
      if (isUnknown) return undefined;
      await attempts.failed(error);
    }
  }
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
