import { Registry, type RegistryOptions } from "@puzzlefs/registry";
import type { Command } from "commander";
import { warning } from "./terminal/messages.ts";

interface Options {
  plainHttp?: boolean;
  authfile?: string;
}

/** The registries that a command with registryOptions() talks to. */
export function openRegistries(command: Command): Registry {
  const { plainHttp, authfile } = command.opts<Options>();
  const options: RegistryOptions = {
    warn: warning,
    ...(plainHttp !== undefined && { plainHttp }),
    ...(authfile !== undefined && { authFile: authfile }),
  };
  return new Registry(options);
}
