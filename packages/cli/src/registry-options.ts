import { Registry, type RegistryOptions } from "@puzzlefs/registry";
import type { Command } from "commander";
import { warning } from "./terminal/messages.ts";

interface Options {
  plainHttp?: boolean;
  authfile?: string;
}

/** For commands that talk to a registry. */
export function registryOptions<C extends Command>(command: C): C {
  return command
    .option("--plain-http", "talk to the registry by http if it does not speak https")
    .option("--authfile <file>", "credentials, as podman and docker store them (default: the files that these read)");
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
