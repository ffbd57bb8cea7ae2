/** Small but true qcow2 images (version 3, 64 KiB clusters): real qemu-img reads and checks them. */

const cluster = 65536

/** An image of `virtualSize` bytes of which the first cluster holds `data` (at most 64 KiB). */
export function qcow2Image(virtualSize: number, data: Uint8Array): Buffer {
  const l1Entries = Math.ceil(virtualSize / (cluster * (cluster / 8)))
  const image = Buffer.alloc(cluster * 6)
  // Clusters: 0 header, 1 refcount table, 2 refcounts, 3 first table, 4 second table, 5 data.
  image.write('QFI\xfb', 0, 'latin1')
  image.writeUInt32BE(3, 4)
  image.writeUInt32BE(16, 20)
  image.writeBigUInt64BE(BigInt(virtualSize), 24)
  image.writeUInt32BE(l1Entries, 36)
  image.writeBigUInt64BE(BigInt(cluster * 3), 40)
  image.writeBigUInt64BE(BigInt(cluster), 48)
  image.writeUInt32BE(1, 56)
  image.writeUInt32BE(4, 96)
  image.writeUInt32BE(104, 100)
  image.writeBigUInt64BE(BigInt(cluster * 2), cluster)
  for (let used = 0; used < 6; used += 1) image.writeUInt16BE(1, cluster * 2 + used * 2)
  image.writeBigUInt64BE(copied(4), cluster * 3)
  image.writeBigUInt64BE(copied(5), cluster * 4)
  Buffer.from(data).copy(image, cluster * 5, 0, cluster)
  return image
}

const copied = (at: number) => BigInt(cluster * at) | (1n << 63n)

/** The virtual size that an image's header tells; undefined when it is no qcow2. */
export function qcow2VirtualSize(header: Uint8Array): number | undefined {
  const view = Buffer.from(header.buffer, header.byteOffset, header.byteLength)
  if (view.length < 32 || view.toString('latin1', 0, 4) !== 'QFI\xfb') return undefined
  return Number(view.readBigUInt64BE(24))
}
