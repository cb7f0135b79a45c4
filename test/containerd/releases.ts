/** The releases of containerd that the tests run with, and how each is configured (docs/recipes.md has the same for users). */
import { join } from "node:path";
import { cache, missing } from "../support/programs.ts";

export interface Release {
  name: string;
  /** A directory of programs, which come before Debian's in PATH. */
  programs?: string;
  /** Why it cannot be tested here; empty if it can. */
  problem: string;
  config: (names: { snapshotter: string; sandbox: string }) => string;
  /** Options with which `ctr images pull` passes no labels to the snapshotter. */
  withoutLabels: readonly string[];
  /** Whether it passes labels without them, and the names of images. */
  passesLabels: boolean;
}

const streamProcessor = `
[stream_processors."puzzlefs.pack"]
  accepts = ["application/vnd.oci.image.layer.puzzlefs.pack.v1"]
  returns = "application/vnd.oci.image.layer.v1.tar"
  path = "head"
  args = ["-c", "1024", "/dev/zero"]
`;

const directories = `
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "/run/containerd/containerd.sock"
`;

export const debian: Release = {
  name: "containerd of Debian 13",
  problem: "",
  config: ({ snapshotter, sandbox }) => `
version = 2
${directories}
[proxy_plugins.puzzlefs]
  type = "snapshot"
  address = "${snapshotter}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${sandbox}"
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "puzzlefs"
  disable_snapshot_annotations = false
${streamProcessor}`,
  withoutLabels: [],
  passesLabels: false,
};

/** `setup.sh external` builds the programs. */
const second = join(process.env["EXTERNAL_SOURCES"] ?? join(cache, "external"), "containerd");
const [lacking] = missing(...["containerd", "ctr", "containerd-shim-runc-v2"].map((name) => join(second, name)));

export const containerd2: Release = {
  name: "containerd 2",
  programs: second,
  problem: lacking === undefined ? "" : `needs ${lacking} (make setup-external)`,
  config: ({ snapshotter, sandbox }) => `
version = 3
${directories}
[proxy_plugins.puzzlefs]
  type = "snapshot"
  address = "${snapshotter}"
  [proxy_plugins.puzzlefs.exports]
    enable_remote_snapshot_annotations = "true"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "puzzlefs"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "${sandbox}"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
[[plugins."io.containerd.transfer.v1.local".unpack_config]]
  platform = "linux"
  snapshotter = "puzzlefs"
${streamProcessor}`,
  withoutLabels: ["--local"],
  passesLabels: true,
};
