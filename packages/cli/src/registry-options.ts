import type { Command } from "commander";

/** For commands that talk to a registry. */
export function registryOptions<C extends Command>(command: C): C {
  return command
    .option("--plain-http", "talk to the registry by http if it does not speak https")
    .option("--authfile <file>", "credentials, as podman and docker store them (default: the files that these read)");
}
