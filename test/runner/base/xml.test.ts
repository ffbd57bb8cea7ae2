import { expect, test } from 'vitest'
import { Failure } from '../../../runner/base/failure.ts'
import { parseXml } from '../../../runner/base/xml.ts'

const DOMAIN = `<?xml version="1.0"?>
<!-- <os><type>in a comment</type></os> -->
<domain type='kvm' id="6">
  <metadata><nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1"><nova:name>a &lt;b&gt; &amp; Лі &#x43;</nova:name></nova:instance></metadata>
  <os>
    <type arch='x86_64' machine="pc">hvm</type>
    <loader><![CDATA[<type>none</type>]]></loader>
  </os>
  <devices><disk type='file'><source file='/a/b'/></disk><disk type="block"/><interface><source bridge='br'/></interface></devices>
</domain>
`

test('elements, attributes and text by their path', () => {
  const domain = parseXml(DOMAIN)
  expect([domain.name, domain.attributes]).toEqual(['domain', { type: 'kvm', id: '6' }])
  expect(domain.at('os/type')?.attributes).toEqual({ arch: 'x86_64', machine: 'pc' })
  expect(domain.at('os/type')?.text).toBe('hvm')
  expect(domain.at('metadata/nova:instance/nova:name')?.text).toBe('a <b> & Лі C')
  expect(domain.at('os/loader')?.text).toBe('<type>none</type>')
  expect(domain.all('devices/disk').map(({ attributes }) => attributes['type'])).toEqual(['file', 'block'])
  expect(domain.all('devices/disk/source')).toHaveLength(1)
  expect(domain.at('type')).toBeUndefined()
  expect(domain.all('os/nothing/type')).toEqual([])
})

test('an element is XML again, for whoever wants it whole', () => {
  const type = parseXml(DOMAIN).at('os/type')
  expect(parseXml(String(type)).attributes).toEqual(type?.attributes)
  expect(String(parseXml(`<a b='"'>&lt;</a>`))).toBe(`<a b="&quot;">&lt;</a>`)
})

test.each([
  ['', 'nothing'],
  ['error: failed to get domain', 'words'],
  ['<domain><os></domain>', 'tags that cross'],
  ['<domain', 'a torn end'],
  ['<domain><os>', 'an end that is missing'],
  ['<domain a=1/>', 'a value without quotes'],
  ['<a/><b/>', 'two roots'],
  ['<a>&unknown;</a>', 'an entity of no document type'],
  ['<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 'a document type'],
])('%j is refused: %s', (text) => {
  expect(() => parseXml(text)).toThrow(Failure)
})
