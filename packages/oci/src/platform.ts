import type { Platform } from "./index-json.ts";

/** Go's names of architectures, where they differ from Node's. */
const ARCHITECTURES: Record<string, string> = { x64: "amd64", ia32: "386", ppc64: "ppc64le", mipsel: "mipsle" };

/** The platform of this machine, as OCI names it. */
export function hostPlatform(): Platform {
  return { architecture: ARCHITECTURES[process.arch] ?? process.arch, os: "linux" };
}
