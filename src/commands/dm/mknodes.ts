/** `tsdmsetup mknodes [<device>...]`: there are no nodes; dmsetup, too, says nothing of devices that are not there. */
export default async function mknodes(): Promise<undefined> {}
