import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Access, RegistryOptions } from "./interface.ts";
import { Registry } from "./registry.ts";
import type { Repository } from "./repository.ts";
import type { TestRegistry } from "./test-registry-fixture.ts";

/** A home directory in which all files of configuration and credentials are. */
export class Home implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "puzzlefs-registry-"));
  /** HOME, an XDG_RUNTIME_DIR that is in it, and a registries.conf so that the machine's has no effect. */
  readonly environment: Record<string, string> = { HOME: this.path, XDG_RUNTIME_DIR: join(this.path, "run") };

  constructor(files: Record<string, string> = {}) {
    mkdirSync(join(this.path, "run"));
    this.write(".config/containers/registries.conf", "");
    for (const [name, content] of Object.entries(files)) this.write(name, content);
  }

  write(name: string, content: string, mode = 0o600): string {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content, { mode });
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

const PIECES = { from: 1 << 20, size: 256 << 10 };

type ClientOptions = RegistryOptions & { files?: Record<string, string> };

/** A client of test registries, without a part of the machine's configuration. */
export class Client implements Disposable {
  readonly home: Home;
  readonly registry: Registry;
  readonly warnings: string[] = [];

  /** @param given may need the path of the home */
  constructor(given: ClientOptions | ((home: string) => ClientOptions) = {}) {
    this.home = new Home();
    const { files = {}, ...rest } = typeof given === "function" ? given(this.home.path) : given;
    for (const [name, content] of Object.entries(files)) this.home.write(name, content);
    this.registry = new Registry({
      plainHttp: true,
      timing: { pause: 1 },
      pieces: PIECES,
      environment: this.home.environment,
      warn: (line) => void this.warnings.push(line),
      ...rest,
    });
  }

  open(at: TestRegistry, name = "a/b:v1", access: Access = "pull"): Repository {
    return this.registry.open(`${at.host}/${name}`, access);
  }

  [Symbol.dispose](): void {
    this.registry[Symbol.dispose]();
    this.home[Symbol.dispose]();
  }
}

/** The whole of a stream. */
export async function bytesOf({ stream }: { stream: AsyncIterable<Buffer> }): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

export function loginFile(host: string, user: string, password: string): string {
  return JSON.stringify({ auths: { [host]: { auth: Buffer.from(`${user}:${password}`).toString("base64") } } });
}
