import test from "ava";
import { Scratch } from "../support/scratch.ts";
import { type Outcome } from "../support/programs.ts";
import { installedLayer, obstacle, removeCgroups, runOnMachine } from "./machine.ts";

/** Stores of `puzzlefs podman-store` as podman 5 of Debian 13 sees them; what users do with it is in docs/recipes.md. */

const scratch = new Scratch();
const problem = obstacle();
const installed = problem === "" ? installedLayer(scratch) : "";
const machineTest = problem === "" ? test.serial : test.serial.skip;

test.after.always(() => {
  scratch.remove();
  removeCgroups();
});

/** An image v1 and a store with it, as localhost/app:1. `run` is podman's. */
const begin = `
set -euo pipefail
export PODMAN_IGNORE_CGROUPSV1_WARNING=1
mkdir -p /etc/containers tree/dev tree/proc tree/sys tree/etc tree/tmp
for name in bin usr/bin usr/sbin usr/lib usr/lib64 lib lib64; do [ ! -e rootfs/$name ] || mkdir -p tree/$(dirname $name); done
cp -a rootfs/bin rootfs/lib rootfs/lib64 tree/
cp -a rootfs/usr/bin rootfs/usr/lib rootfs/usr/lib64 tree/usr/
cp rootfs/usr/bin/id tree/usr/bin/setuid; chmod 4755 tree/usr/bin/setuid
cat > /etc/containers/storage.conf <<'END'
[storage]
driver = "overlay"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
[storage.options]
additionalimagestores = ["/srv/images"]
END
puzzlefs build tree store:v1 > /dev/null
store() { puzzlefs podman-store /srv/images "$@"; }
run() { podman run --network host "$@"; }
store --image store:v1=app:1 > /dev/null
exec 2>&1
`;

function onMachine(script: string): Promise<Outcome> {
  return runOnMachine(scratch.fresh("machine"), installed, begin + script);
}

machineTest("set-uid programs work in containers, not below the store, and writes go elsewhere", async (t) => {
  const { status, stdout } = await onMachine(`
    run --rm --user 1000 app:1 setuid -u
    as1000() { setpriv --reuid 1000 --regid 1000 --clear-groups sh -c "$1"; }
    as1000 "$(echo /srv/images/overlay/*/diff/usr/bin/setuid) -u" || echo closed
    chmod 755 images
    as1000 "$(echo /srv/images/overlay/*/diff/usr/bin/setuid) -u"
    before=$(find images -printf '%p %s %T@\\n' | sha256sum)
    run --rm app:1 sh -c 'echo x > /etc/x; rm /usr/bin/setuid; ls /etc/x'
    podman rmi app:1 > /dev/null || echo kept
    [ "$before" = "$(find images -printf '%p %s %T@\\n' | sha256sum)" ] && echo unchanged
  `);
  t.is(status, 0, stdout);
  const expected = /^0\n.*Permission denied\nclosed\n1000\n.*\/etc\/x\n.*read-only.*\nkept\nunchanged\n$/;
  t.regex(stdout, expected);
});

machineTest("a container that runs keeps its tree when the image is removed, or its name is moved", async (t) => {
  const { status, stdout } = await onMachine(`
    run --detach --name box app:1 tail -f /dev/null > /dev/null
    echo 2 > tree/etc/version
    puzzlefs build tree store:v2 > /dev/null
    store --image store:v2=app:1 | cut -d' ' -f1
    run --rm app:1 cat /etc/version
    podman exec box cat /etc/version || echo old
    store --remove app:1 --remove "$(store --json | jq -r '.[] | select(.names == []) .id')"
    podman exec box ls /usr/bin/setuid
    grep -c ' /srv/images/' /proc/mounts || true
    podman rm --force --time 0 box
  `);
  t.is(status, 0, stdout);
  t.regex(stdout, /^name\n-\nlocalhost\/app:1\n2\ncat: .*\nold\n\/usr\/bin\/setuid\n0\nbox\n$/);
});

machineTest("a podman that runs as a service sees what is added and removed", async (t) => {
  const { status, stdout } = await onMachine(`
    podman system service --time 0 unix:///run/podman.sock &
    service=$!
    until podman --url unix:///run/podman.sock version > /dev/null 2>&1; do :; done
    names() { podman --url unix:///run/podman.sock images --noheading --format '{{.Repository}}:{{.Tag}}' | sort; }
    names
    store --image store:v1=app:2 > /dev/null; names
    store --remove app:1 > /dev/null; names
    store --remove app:2 > /dev/null; names
    kill $service
  `);
  t.is(status, 0, stdout);
  t.deepEqual(
    stdout.split("\n").filter((line) => line.startsWith("localhost/")),
    ["localhost/app:1", "localhost/app:1", "localhost/app:2", "localhost/app:2"],
  );
});

machineTest(
  "podman refuses to push the image, whose layer is no archive, instead of pushing another one",
  async (t) => {
    const { status, stdout } = await onMachine(`
    podman push app:1 dir:pushed 2>&1 | tail -n 1 || true
    [ -e pushed/manifest.json ] || echo nothing
  `);
    t.is(status, 0, stdout);
    t.regex(stdout, /Digest did not match.*\nnothing\n$/);
  },
);

machineTest("lines of fstab mount the store's images by mount(8)", async (t) => {
  const { status, stdout } = await onMachine(`
    store --umount > /dev/null
    run --rm app:1 id -u || echo not mounted
    store --fstab >> /etc/fstab
    mount -a
    run --rm app:1 id -u
    umount /srv/images/overlay/*/diff
    store --mount > /dev/null
    run --rm app:1 id -u
  `);
  t.is(status, 0, stdout);
  t.regex(stdout, /not mounted\n0\n0\n$/);
});
