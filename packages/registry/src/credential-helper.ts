import { spawn } from "node:child_process";
import { once } from "node:events";
import { errorCode } from "@puzzlefs/linux";
import { isObject, parseJson } from "@puzzlefs/oci";
import type { Environment } from "./environment.ts";
import { RegistryError } from "./errors.ts";

/** What a request to a registry or its token server proves the user's identity with. */
export interface Credentials {
  user: string;
  password: string;
  /** OAuth 2 refresh token, instead of a password. */
  identityToken: string;
}

const LIMIT = 1 << 20;

/** How a helper is run. */
export interface HelperOptions {
  environment: Environment;
  /** Milliseconds until a helper has failed: it may ask the user, or wait for a service that is not there. */
  patience: number;
  signal?: AbortSignal | undefined;
}

/**
 * Asks docker-credential-NAME for the credentials of a host; undefined if it has none. Throws RegistryError (configuration)
 * without anything that the helper printed.
 */
export async function askHelper(name: string, host: string, options: HelperOptions): Promise<Credentials | undefined> {
  const program = `docker-credential-${name}`;
  const fail = (why: string): RegistryError => new RegistryError("configuration", `${program}: ${why} (for ${host})`);
  if (!/^[\w.-]+$/.test(name)) throw fail("not a name of a credential helper");
  const { code, output } = await answerOf(program, host, options, fail);
  if (code !== 0) {
    if (output.includes("credentials not found in native keychain")) return undefined;
    throw fail(`failed with exit code ${code}`);
  }
  const answer = parseJson(output, (problem) => fail(`printed what is ${problem}`));
  const { Username: user, Secret: secret } = isObject(answer) ? answer : {};
  if (typeof user !== "string" || typeof secret !== "string") throw fail("printed no Username and Secret");
  return user === "<token>"
    ? { user: "", password: "", identityToken: secret }
    : { user, password: secret, identityToken: "" };
}

/** What a helper prints about a host. It has ended then, or was killed; a child that it left may still run. */
async function answerOf(
  program: string,
  host: string,
  { environment, patience, signal }: HelperOptions,
  fail: (why: string) => RegistryError,
): Promise<{ code: number | null; output: string }> {
  signal?.throwIfAborted();
  const failing = new AbortController();
  const giveUp = (why: string): void => failing.abort(fail(why));
  const timer = setTimeout(giveUp, patience, `no answer for ${patience / 1000} s`);
  const ending = AbortSignal.any([failing.signal, ...(signal === undefined ? [] : [signal])]);
  const child = spawn(program, ["get"], { env: environment, stdio: ["pipe", "pipe", "ignore"] });
  try {
    // A helper that ends without reading; its exit code counts.
    child.stdin.on("error", () => {});
    child.stdin.end(host);
    let output = "";
    child.stdout.setEncoding("utf8");
    child.stdout.on("data", (piece: string) => {
      output += piece;
      if (output.length > LIMIT) giveUp(`printed more than ${LIMIT} characters`);
    });
    const [code] = (await once(child, "close", { signal: ending })) as [number | null];
    return { code, output };
  } catch (error) {
    signal?.throwIfAborted();
    failing.signal.throwIfAborted();
    throw fail(`cannot be run: ${errorCode(error) ?? "unknown"}`);
  } finally {
    clearTimeout(timer);
    child.on("error", () => {});
    child.kill("SIGKILL");
    // What the helper started may have the other end.
    child.stdin.destroy();
    child.stdout.destroy();
  }
}
