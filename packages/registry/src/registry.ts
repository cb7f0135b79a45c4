import { findCredentials } from "./credentials.ts";
import type { Environment } from "./environment.ts";
import { Host } from "./host.ts";
import type { Access, Reference, RegistryAccess, RegistryOptions } from "./interface.ts";
import { parseReference, referenceOf } from "./reference.ts";
import { readRegistriesConf, type RegistriesConf } from "./registries-conf.ts";
import { Repository } from "./repository.ts";
import { RepositorySource } from "./repository-source.ts";
import { Session } from "./session.ts";
import { resolveShortName, type Source, sourcesOf } from "./sources.ts";

const PAUSE = 500;
const STALL = 30_000;
/** A helper may ask for the password of a keyring. */
const PATIENCE = 120_000;
const PIECES = { from: 64 << 20, size: 16 << 20 };

/** See RegistryAccess. */
export class Registry implements RegistryAccess {
  readonly #options: RegistryOptions;
  readonly #environment: Environment;
  readonly #hosts = new Map<string, Host>();
  readonly #warn: (line: string) => void;
  #conf: RegistriesConf | undefined;

  constructor(options: RegistryOptions = {}) {
    this.#options = options;
    this.#environment = options.environment ?? process.env;
    this.#warn = (line) => options.warn?.(line);
  }

  /** Opens a repository without asking it for anything. Throws RegistryError (reference, configuration, blocked). */
  open(reference: Reference | string, access: Access): Repository {
    this.#conf ??= readRegistriesConf(this.#environment);
    const parsed = typeof reference === "string" ? parseReference(reference) : reference;
    const full = resolveShortName(parsed, this.#conf);
    const { helpers } = this.#conf;
    const actions = access === "push" ? "pull,push" : "pull";
    const sources = sourcesOf(full, access, this.#conf).map(
      (source) => new RepositorySource(this.#session(source, helpers), source.repository, actions),
    );
    return new Repository(`${full.host}/${full.repository}`, referenceOf(full), sources, this.#warn);
  }

  [Symbol.dispose](): void {
    for (const host of this.#hosts.values()) host.close();
    this.#hosts.clear();
  }

  #session({ host: name, repository, insecure }: Source, helpers: readonly string[]): Session {
    const { plainHttp = false, timing, pieces = PIECES, authFile, signal } = this.#options;
    const environment = this.#environment;
    const patience = timing?.helper ?? PATIENCE;
    const key = `${name} ${insecure}`;
    const host = this.#hosts.get(key) ?? new Host(name, insecure, timing?.stall ?? STALL, environment);
    this.#hosts.set(key, host);
    return new Session(host, {
      plainHttp,
      pieces,
      signal,
      warn: this.#warn,
      pause: timing?.pause ?? PAUSE,
      findCredentials: () => findCredentials(name, repository, { authFile, environment, helpers, patience, signal }),
    });
  }
}
