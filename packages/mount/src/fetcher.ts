/** The fetcher of a layout with lazy images; it is started in the layout's directory `lazy`, by connectFetcher(). */
import "@puzzlefs/linux/closed-streams";

const { escapeText } = await import("@puzzlefs/linux");
const { openSystemLog } = await import("@puzzlefs/fuse");
const { runFetcher } = await import("@puzzlefs/lazy/fetcher");
const { mountedImages } = await import("./mounted-images.ts");

process.title = escapeText(`puzzlefs fetch ${process.cwd()}`);
const log = openSystemLog();
try {
  await runFetcher({ log: (message) => log("error", message), mounted: mountedImages });
} catch (error) {
  log("error", (error as Error).message);
  process.exitCode = 1;
}
// Requests to registries may be under way for nobody.
process.exit();
