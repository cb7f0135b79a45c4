/**
 * An image on a directory, as users mount it: by the kernel driver where there is one and by FUSE elsewhere, read-only
 * or under a writable overlay.
 */
export type { Driver } from "./driver.ts";
export { mount, MountedImage, type MountOptions } from "./mount.ts";
export { startServer, type ServerRequest } from "./start-server.ts";
export { mountImage } from "./mount-image.ts";
export type { DriverChoice, FuseMount, MountRequest } from "./mount-request.ts";
export { hasListener } from "./opens/find-listener.ts";
export { hidesLowerOpens } from "./overlay.ts";
export { overlayPrefix, refuseOverlayMarks } from "./overlay-marks.ts";
export { mountedImages } from "./mounted-images.ts";
export { type PackedOptions, storePlaces, StoreRefusal } from "./stored-places.ts";
export { copyRootAttributes } from "./root-attributes.ts";
export { remount } from "./remount.ts";
export { RestingUpper, type RestingOptions } from "./resting-upper.ts";
export { isKnownOption, readImageOptions, type ImageOptions } from "./image-options.ts";
