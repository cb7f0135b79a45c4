import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { spawn } from "node:child_process";
import type { ExecutionContext } from "ava";
import { FAULT_TIMING } from "./faults-fixture.ts";
import { Home } from "./client-fixture.ts";
import { Registry } from "./registry.ts";
import type { TestRegistry } from "./test-registry-fixture.ts";

export const hasSkopeo = spawnSync("skopeo", ["--version"]).status === 0;

/** Requests for manifests that were answered, over all registries: where, what, and with which Authorization. */
function observed(registries: readonly TestRegistry[]): string[][] {
  return registries.flatMap(({ requests }, index) =>
    requests
      .filter(({ path, status }) => path.includes("/manifests/") && status !== 401)
      .map(({ path, headers, status }) => [`registry ${index}`, path, headers.authorization ?? "", String(status)]),
  );
}

function forget(registries: readonly TestRegistry[]): void {
  for (const { requests } of registries) requests.length = 0;
}

/**
 * Reads the manifest of NAME by skopeo and by the client, with the same files and variables, and compares what the registries saw.
 * Returns that, and the client's error.
 */
export async function compareWithSkopeo(
  t: ExecutionContext,
  registries: readonly TestRegistry[],
  name: string,
  files: Record<string, string>,
  variables: Record<string, string> = {},
): Promise<{ seen: string[][]; error: unknown }> {
  using home = new Home();
  for (const [path, content] of Object.entries(files))
    home.write(path, content, path.startsWith("bin/") ? 0o755 : 0o600);
  const resolved = Object.entries(variables).map(([key, value]) => [key, value.replace("HOME/", `${home.path}/`)]);
  const environment: Record<string, string> = {
    ...home.environment,
    PATH: `${home.path}/bin:/usr/bin:/bin`,
    ...(Object.fromEntries(resolved) as Record<string, string>),
  };
  const args = ["--insecure-policy", "inspect", "--raw", `docker://${name}`];
  const skopeo = spawn("skopeo", args, { env: environment, stdio: ["ignore", "ignore", "pipe"] });
  let complaint = "";
  skopeo.stderr.on("data", (piece: Buffer) => (complaint += piece.toString()));
  const [code] = (await once(skopeo, "close")) as [number | null];
  const theirs = observed(registries);
  forget(registries);
  using registry = new Registry({ environment, timing: FAULT_TIMING });
  const error = await Promise.resolve()
    .then(() => registry.open(name, "pull"))
    .then((repository) => repository.manifest(repository.reference))
    .then(() => undefined)
    .catch((failure: unknown) => failure);
  const seen = observed(registries);
  forget(registries);
  t.deepEqual(seen, theirs, complaint);
  t.is(error === undefined, code === 0, `${String(error)}\n${complaint}`);
  return { seen, error };
}
