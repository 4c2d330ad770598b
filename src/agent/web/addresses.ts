import { BlockList, isIP } from 'node:net'

/** IPv4 that is no public unicast (IANA special-purpose registry, RFC 6890): this network, private, loopback and so on. */
const CLOSED_4: readonly (readonly [network: string, bits: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
]

/** Parts of the global unicast 2000::/3 that are not: tunnels, which hold an IPv4 address, and documentation. */
const CLOSED_6: readonly (readonly [network: string, bits: number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]

const closed4 = listOf(CLOSED_4, 'ipv4')
const closed6 = listOf(CLOSED_6, 'ipv6')
const global6 = listOf([['2000::', 3]], 'ipv6')

/**
 * Whether an address leads to the public internet. Only global unicast does: in IPv6 that leaves out loopback, local,
 * multicast, and everything that maps or translates IPv4 (::ffff:0:0/96, 64:ff9b::/96, 2002::/16, Teredo).
 */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !closed4.check(address, 'ipv4')
    case 6: {
      const bare = address.replace(/%.*$/, '')
      return global6.check(bare, 'ipv6') && !closed6.check(bare, 'ipv6')
    }
    default:
      return false
  }
}

function listOf(networks: readonly (readonly [string, number])[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList()
  for (const [network, bits] of networks) list.addSubnet(network, bits, family)
  return list
}
