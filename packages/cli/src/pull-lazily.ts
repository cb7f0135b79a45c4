import { absolutePath } from "@puzzlefs/linux";
import type { PlatformChoice } from "@puzzlefs/oci";
import type { Reference } from "@puzzlefs/registry";
import { abortable, type LazyPullRequest, type LazyPullResult, pullLazy } from "@puzzlefs/transport";
import type { Command } from "commander";
import { interruptible } from "./interruption.ts";
import { lockWaiting } from "./lock-waiting.ts";
import { openRegistries } from "./open-registries.ts";

/** Gets an image from a registry without its chunks. `command` has registryOptions(). */
export async function pullLazily(
  command: Command,
  source: Reference,
  image: PlatformChoice & Pick<LazyPullRequest, "ociDir" | "tag" | "signatures">,
): Promise<LazyPullResult> {
  using registry = openRegistries(command);
  const { plainHttp = false, authfile } = command.opts<{ plainHttp?: boolean; authfile?: string }>();
  const named = authfile ?? process.env["REGISTRY_AUTH_FILE"];
  // The fetcher works in another directory, without variables.
  const access = { plainHttp, ...(named && { authFile: absolutePath(named) }) };
  const request = { registry, access, source, ...image, waiting: lockWaiting() };
  return await interruptible((check) => abortable(check, (signal) => pullLazy({ ...request, signal })));
}
