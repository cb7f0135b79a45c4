import { serve } from "@puzzlefs/fuse";
import { openOrdered, settingsOf, type DaemonOrder } from "./daemon-order.ts";

/** The process behind a mount in the background; `puzzlefs mount` starts it and waits for its report. */
const order: DaemonOrder = JSON.parse(process.argv[2] ?? "{}");
await serve(() => openOrdered(order), order.mountpoint, settingsOf(order));
