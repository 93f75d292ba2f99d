/** `tsdmsetup udevcreatecookie`: nothing, as dmsetup prints where there is no udev. */
export default async function udevcreatecookie(): Promise<undefined> {}
