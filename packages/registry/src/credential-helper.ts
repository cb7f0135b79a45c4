import { spawn } from "node:child_process";
import { once } from "node:events";
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

/**
 * Asks docker-credential-NAME for the credentials of a host; undefined if it has none. The helper may ask the user, so there
 * is no time limit but the signal's. Throws RegistryError (configuration) without anything that the helper printed.
 */
export async function askHelper(
  name: string,
  host: string,
  environment: Environment,
  signal?: AbortSignal,
): Promise<Credentials | undefined> {
  const program = `docker-credential-${name}`;
  const fail = (why: string): RegistryError => new RegistryError("configuration", `${program}: ${why} (for ${host})`);
  if (!/^[\w.-]+$/.test(name)) throw fail("not a name of a credential helper");
  const child = spawn(program, ["get"], {
    env: environment,
    stdio: ["pipe", "pipe", "ignore"],
    ...(signal !== undefined && { signal }),
  });
  const exit = once(child, "close") as Promise<[code: number | null]>;
  // A helper that ends without reading; its exit code counts.
  child.stdin.on("error", () => {});
  child.stdin.end(host);
  let output = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (piece: string) => {
    output += piece;
    if (output.length > LIMIT) child.kill("SIGKILL");
  });
  let code: number | null;
  try {
    [code] = await exit;
  } catch (error) {
    signal?.throwIfAborted();
    throw fail(error instanceof Error && "code" in error ? `cannot be run: ${String(error.code)}` : "cannot be run");
  }
  if (output.length > LIMIT) throw fail(`printed more than ${LIMIT} characters`);
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
