import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "@puzzlefs/testing";
import type { ExecutionContext } from "ava";
import { ServiceClient } from "./client.ts";
import { type ContainerdMachine, registry } from "./containerd-machine.ts";
import { ImageService, NamespaceMode, RuntimeService } from "./generated/cri_pb.js";

/** Pulls images by Kubernetes' interface, runs a script in a pod of the last one, and removes all of it. Returns what the script has printed. */
export async function inPod(
  t: ExecutionContext,
  { machine, scratch, mark, sandbox }: ContainerdMachine,
  tags: readonly string[],
  script: string,
  pulled: () => void = () => undefined,
): Promise<string> {
  const socket = join(scratch.directory("cri"), "socket");
  // The machine's /run is not to be seen from here: its socket is reached through process 1 of the machine.
  symlinkSync(machine.path("run/containerd/containerd.sock"), socket);
  const [runtime, images] = [new ServiceClient(RuntimeService, socket), new ServiceClient(ImageService, socket)];
  const { pullImage, removeImage, imageFsInfo } = ImageService.method;
  const { runPodSandbox, stopPodSandbox, removePodSandbox, createContainer, startContainer, execSync } =
    RuntimeService.method;
  const named = tags.map((tag) => ({ image: `${registry}/app:${tag}` }));
  const image = named.at(-1);
  try {
    let failure: unknown;
    const isPulled = async (): Promise<boolean> => {
      try {
        await images.call(pullImage, { image: named[0] });
        return true;
      } catch (error) {
        failure = error;
        return false;
      }
    };
    t.true(await eventually(isPulled), String(failure));
    for (const one of named.slice(1)) await images.call(pullImage, { image: one });
    pulled();
    const namespaceOptions = { network: NamespaceMode.NODE, pid: NamespaceMode.CONTAINER };
    const securityContext = { namespaceOptions };
    const config = {
      metadata: { name: "pod", uid: mark, namespace: "default", attempt: 0 },
      logDirectory: "/srv/pod",
      linux: { cgroupParent: `/${mark}`, securityContext },
    };
    const { podSandboxId } = await runtime.call(runPodSandbox, { config });
    const container = { metadata: { name: "one", attempt: 0 }, image, logPath: "one.log", linux: { securityContext } };
    const { containerId } = await runtime.call(createContainer, {
      podSandboxId,
      config: container,
      sandboxConfig: config,
    });
    await runtime.call(startContainer, { containerId });
    const cmd = ["/bin/sh", "-c", script];
    const { stdout, exitCode } = await runtime.call(execSync, { containerId, cmd, timeout: 120n });
    t.is(exitCode, 0);
    const { imageFilesystems } = await images.call(imageFsInfo, {});
    t.is(imageFilesystems.length, 1);
    await runtime.call(stopPodSandbox, { podSandboxId });
    await runtime.call(removePodSandbox, { podSandboxId });
    // The sandbox's image is pulled with the pod.
    for (const one of [...named, { image: sandbox }]) await images.call(removeImage, { image: one });
    return Buffer.from(stdout).toString();
  } finally {
    runtime.close();
    images.close();
  }
}
