import { join } from "node:path";
import { isObject, parseJson } from "@puzzlefs/oci";
import { askHelper, type Credentials, type HelperOptions } from "./credential-helper.ts";
import { type Environment, homeDirectory, userFile } from "./environment.ts";
import { RegistryError } from "./errors.ts";
import { findPattern } from "./image-pattern.ts";
import { readSetting } from "./settings-file.ts";

/** The names of Docker Hub in files of credentials. */
const HUB = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"]);
const HUB_KEY = "https://index.docker.io/v1/";

interface CredentialFile {
  path: string;
  /** ~/.dockercfg: the entries alone, by host or URL. */
  isLegacy?: boolean;
  /** Keys may be patterns of images. */
  isKubelet?: boolean;
  /** The user named it, so that it must exist. */
  isNamed?: boolean;
}

/** In credential-helpers of registries.conf: the files. */
export const CREDENTIAL_FILES = "containers-auth.json";

export interface CredentialOptions extends HelperOptions {
  authFile?: string | undefined;
  kubeletAuthFile?: string | undefined;
  /** credential-helpers of registries.conf, in order. */
  helpers: readonly string[];
}

/**
 * The credentials for host/repository; undefined if there are none. A helper that fails is passed over if another one, or a file, has
 * them. Throws RegistryError (configuration).
 */
export async function findCredentials(
  host: string,
  repository: string,
  options: CredentialOptions,
): Promise<Credentials | undefined> {
  let failure: unknown;
  for (const helper of options.helpers) {
    try {
      const found = await (helper === CREDENTIAL_FILES
        ? findInFiles(host, repository, options)
        : askHelper(helper, host, options));
      if (found !== undefined) return found;
    } catch (error) {
      options.signal?.throwIfAborted();
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return undefined;
}

/**
 * The files of podman, skopeo and docker, in containers/image's order: containers-auth.json(5). In each: the helper of the
 * host, then the entry with the longest part of the name, then docker's credsStore.
 */
async function findInFiles(
  host: string,
  repository: string,
  options: CredentialOptions,
): Promise<Credentials | undefined> {
  const { authFile, kubeletAuthFile: path, environment } = options;
  const files = [...filesOf(authFile, environment), ...(path === undefined ? [] : [{ path, isKubelet: true }])];
  for (const file of files) {
    const found = await findInFile(file, host, repository, options);
    if (found !== undefined) return found;
  }
  return undefined;
}

function filesOf(authFile: string | undefined, environment: Environment): CredentialFile[] {
  const named = authFile ?? environment["REGISTRY_AUTH_FILE"];
  if (named) return [{ path: named, isNamed: true }];
  const home = homeDirectory(environment);
  const runtime = environment["XDG_RUNTIME_DIR"];
  const user = environment["XDG_CONFIG_HOME"];
  const uid = process.getuid?.();
  // The launcher passes no variables to mount and to the fetcher, which must find what 'podman login' has written.
  const runtimes = runtime ? [runtime] : [`/run/containers/${uid}`, `/run/user/${uid}`];
  return [
    ...runtimes.map((directory) => ({ path: join(directory, "containers/auth.json") })),
    { path: user ? join(user, "containers/auth.json") : userFile(environment, "auth.json") },
    { path: join(environment["DOCKER_CONFIG"] || join(home, ".docker"), "config.json") },
    { path: join(home, ".dockercfg"), isLegacy: true },
  ];
}

async function findInFile(
  { path, isLegacy = false, isKubelet = false, isNamed = false }: CredentialFile,
  host: string,
  repository: string,
  options: HelperOptions,
): Promise<Credentials | undefined> {
  const content = readSetting(path);
  if (content === undefined && isNamed) throw new RegistryError("configuration", `${path}: no such file`);
  if (content === undefined) return undefined;
  const problem = (why: string): RegistryError => new RegistryError("configuration", `${path}: ${why}`);
  const file = parseJson(content.toString(), problem);
  if (!isObject(file)) throw problem("not a JSON object");
  const member = (name: string): Record<string, unknown> => {
    const value = file[name] ?? {};
    if (!isObject(value)) throw problem(`${name} is not an object`);
    return value;
  };
  const entries = isLegacy ? file : member("auths");
  const helper = isLegacy ? undefined : ownValue(member("credHelpers"), host);
  if (typeof helper === "string") return askHelper(helper, host, options);

  const exact = findKey(entries, host, isLegacy ? "" : repository, isLegacy);
  const key = exact ?? (isKubelet ? findPattern(Object.keys(entries), host, repository) : undefined);
  const found = key === undefined ? undefined : decode(entries[key], (why) => problem(`entry of ${key}: ${why}`));
  if (found !== undefined) return found;
  const store = isLegacy ? undefined : file["credsStore"];
  if (typeof store !== "string" || store === "") return undefined;
  // docker's own keys, and the host, under which podman stores.
  const name = HUB.has(host) ? HUB_KEY : host;
  return askHelper(store, name, options);
}

/** The entry for host/a/b, host/a, host; otherwise one whose key is a URL or another name of the host. */
function findKey(
  entries: Record<string, unknown>,
  host: string,
  repository: string,
  isLegacy: boolean,
): string | undefined {
  for (let key = repository === "" ? host : `${host}/${repository}`; ; key = key.slice(0, key.lastIndexOf("/"))) {
    if (Object.hasOwn(entries, key)) return key;
    if (!key.includes("/")) break;
  }
  return Object.keys(entries).find((key) => sameHost(hostOf(key, isLegacy), host));
}

function hostOf(key: string, isLegacy: boolean): string {
  const stripped = key.replace(/^https?:\/\//, "");
  return isLegacy || stripped !== key ? (stripped.split("/")[0] ?? "") : stripped;
}

function sameHost(one: string, other: string): boolean {
  return one === other || (HUB.has(one) && HUB.has(other));
}

function ownValue(object: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Undefined for the empty entry that docker writes beside a helper, and for what has no user. */
function decode(entry: unknown, problem: (why: string) => RegistryError): Credentials | undefined {
  if (!isObject(entry)) throw problem("not an object");
  const { auth = "", identitytoken = "" } = entry;
  if (typeof auth !== "string" || typeof identitytoken !== "string") throw problem("auth is not a string");
  const text = Buffer.from(auth, "base64").toString();
  const colon = text.indexOf(":");
  if (colon < 0) return undefined;
  const password = text.slice(colon + 1).replace(/^\0+|\0+$/g, "");
  return { user: text.slice(0, colon), password, identityToken: identitytoken };
}
