import { join } from "node:path";
import { type Environment, userFile } from "./environment.ts";
import { RegistryError } from "./errors.ts";
import { listSettings, readSetting } from "./settings-file.ts";

/** Certificates for connections to one host, PEM. */
export interface Trust {
  /** Authorities, beside the system's. */
  ca: Buffer[];
  /** Certificates of this client, and their keys. */
  cert: Buffer[];
  key: Buffer[];
}

/** Those of the distributions, as Go looks for them. */
const BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/**
 * The authorities that the system trusts: SSL_CERT_FILE, or the distribution's bundle, and the files of SSL_CERT_DIR. Not
 * those that Node is compiled with, and not tls.getCACertificates("system"), which reads each certificate of Debian twice.
 */
export function systemAuthorities(environment: Environment): Buffer[] {
  const named = environment["SSL_CERT_FILE"];
  const found: Buffer[] = [];
  for (const path of named ? [named] : BUNDLES) {
    const bundle = readSetting(path);
    if (bundle === undefined) continue;
    found.push(bundle);
    break;
  }
  for (const directory of (environment["SSL_CERT_DIR"] ?? "").split(":").filter((path) => path !== "")) {
    for (const name of listSettings(directory) ?? []) {
      const file = /\.(pem|crt|cer|\d+)$/.test(name) ? readSetting(join(directory, name)) : undefined;
      if (file !== undefined) found.push(file);
    }
  }
  return found;
}

/** What the first certs.d directory with the host's name has: *.crt, and pairs of *.cert and *.key. Throws RegistryError. */
export function hostTrust(host: string, environment: Environment): Trust {
  const trust: Trust = { ca: [], cert: [], key: [] };
  const parents = [userFile(environment, "certs.d"), "/etc/containers/certs.d", "/etc/docker/certs.d"];
  for (const parent of parents) {
    const directory = join(parent, host);
    const names = listSettings(directory);
    if (names === undefined) continue;
    for (const name of names) read(directory, name, names, trust);
    return trust;
  }
  return trust;
}

function read(directory: string, name: string, names: readonly string[], trust: Trust): void {
  const content = (file: string): Buffer => readSetting(join(directory, file)) ?? Buffer.alloc(0);
  const stem = name.replace(/\.(crt|cert|key)$/, "");
  const other = name.endsWith(".cert") ? `${stem}.key` : `${stem}.cert`;
  if (name.endsWith(".crt")) trust.ca.push(content(name));
  if (!name.endsWith(".cert") && !name.endsWith(".key")) return;
  if (!names.includes(other))
    throw new RegistryError("configuration", `${join(directory, name)}: there is no ${other} for it`);
  if (name.endsWith(".key")) return;
  trust.cert.push(content(name));
  trust.key.push(content(other));
}
