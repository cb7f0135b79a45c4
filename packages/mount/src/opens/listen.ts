import {
  confine,
  LOG_DESCRIPTOR,
  logTo,
  report,
  reportError,
  REQUEST_DESCRIPTOR,
  RESOURCE_DESCRIPTOR,
  ServerProcess,
} from "@puzzlefs/fuse";
import { CAP_DAC_OVERRIDE, close, dropCapabilities, OpenEvents, socketpair, watchUnmount } from "@puzzlefs/linux";
import { Channel, COMPLETE } from "./channel.ts";
import { CHANNEL_DESCRIPTOR, EVENTS_DESCRIPTOR, type OpensOrder, UNMOUNT_DESCRIPTOR } from "./order.ts";
import { WaitingOpens } from "./waiting-opens.ts";

/**
 * Runs the listener: it has the opens of a mount wait until its helper has had the files fetched. It parses nothing but structs of the kernel and
 * numbers. Whatever ends it, the kernel lets all opens go on then, and chunks that are missing are EIO.
 *
 * @param program of the helper, Node's arguments
 */
export async function listen(order: OpensOrder, program: readonly string[]): Promise<void> {
  const log = logTo({ kind: order.log, descriptor: LOG_DESCRIPTOR });
  const [ours, theirs] = socketpair();
  const inherited = [0, 1, 2, LOG_DESCRIPTOR, RESOURCE_DESCRIPTOR, REQUEST_DESCRIPTOR];
  const descriptors = new Map([...inherited.map((number) => [number, number] as const), [CHANNEL_DESCRIPTOR, theirs]]);
  const helper = new ServerProcess({ node: order.node, argv: program, descriptors });
  for (const given of [theirs, REQUEST_DESCRIPTOR]) close(given);
  try {
    await helper.opened;
  } catch (error) {
    report({ error: reportError(error) });
    process.exitCode = 1;
    return;
  }
  confine(order.confined ? RESOURCE_DESCRIPTOR : undefined, log);
  dropCapabilities([CAP_DAC_OVERRIDE]);
  const over = Promise.withResolvers<[level: "info" | "error", message: string]>();
  const opens = new WaitingOpens(new OpenEvents(EVENTS_DESCRIPTOR), (inode) => channel.send(inode));
  const channel = new Channel(ours, order.image.lazy.timeout, {
    receive(message) {
      if (message === COMPLETE) over.resolve(["info", "all of the image has been fetched"]);
      else opens.answer(message);
    },
    ended: (silent) =>
      over.resolve([
        "error",
        `the process that fetches for it ${silent ? "does not answer" : "has died"}: no more is fetched`,
      ]),
  });
  watchUnmount(UNMOUNT_DESCRIPTOR, () => over.resolve(["info", "unmounted"]));
  report({ opened: true });
  const [level, message] = await over.promise;
  log(level, `${order.shownAt}: ${message}`);
  // It may be hung. Its descriptors of the store would keep that busy.
  helper.kill();
}
