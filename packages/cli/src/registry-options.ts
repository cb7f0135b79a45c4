import type { Command } from "commander";

/** For commands that talk to a registry. */
export function registryOptions<C extends Command>(command: C): C {
  return command
    .option("--plain-http", "talk to registries by http, also with a password")
    .option("--authfile <file>", "credentials, as podman and docker store them (default: the files that these read)");
}
