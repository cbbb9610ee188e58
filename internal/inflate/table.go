package inflate

import "math/bits"

// A decoding table is looked up by the next tableBits bits of the input. Its
// entries are
//
//	bits  0-3   how many bits the code takes, 1 to 15; 0: no such code. Behind
//	            a link: what is left of it beyond tableBits
//	bits  4-7   how many extra bits follow the code; of a link: how many bits
//	            index the second table
//	bits  8-11  what it is: literal, match (a base and extra bits), end, link,
//	            invalid (a code that may not be used)
//	bits 16-31  the literal, the base, or where the second table begins
type entry = uint32

const (
	kindLiteral = 1 << 8
	kindEnd     = 1 << 9
	kindLink    = 1 << 10
	kindInvalid = 1 << 11
	kindMatch   = 0
)

// The bits that index the first tables: more make them slower to fill, fewer
// make second lookups more frequent.
const (
	litBits  = 11
	distBits = 9
	maxBits  = 15
)

// The size of the tables with all second tables. In a complete code at least two
// symbols share a second table, and none is larger than 1<<(maxBits-tableBits).
const (
	litSize  = 1<<litBits + 288/2<<(maxBits-litBits)
	distSize = 1<<distBits + 32/2<<(maxBits-distBits)
)

const (
	maxLit  = 286
	maxDist = 30
)

var codeOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// litEntries and distEntries are what the symbols mean, without the lengths of
// their codes.
var litEntries, distEntries, plainEntries = func() (lit [288]entry, dist [32]entry, plain [19]entry) {
	for i := range 256 {
		lit[i] = uint32(i)<<16 | kindLiteral
	}
	lit[256] = kindEnd
	base := 3
	for i := 257; i < 285; i++ {
		extra := max(0, (i-261)/4)
		lit[i] = uint32(base)<<16 | uint32(extra)<<4 | kindMatch
		base += 1 << extra
	}
	lit[285] = 258<<16 | kindMatch
	lit[286], lit[287] = kindInvalid, kindInvalid
	base = 1
	for i := range 30 {
		extra := max(0, (i-2)/2)
		dist[i] = uint32(base)<<16 | uint32(extra)<<4
		base += 1 << extra
	}
	dist[30], dist[31] = kindInvalid, kindInvalid
	for i := range plain {
		plain[i] = uint32(i) << 16
	}
	return lit, dist, plain
}()

// build fills a table for symbols with codes of the given lengths (0: none), and
// reports whether these make a complete code, a single one of one bit, or none.
func build(table []entry, tableBits uint, lengths []uint8, symbols []entry) bool {
	var count [maxBits + 1]int
	for _, n := range lengths {
		count[n]++
	}
	count[0] = 0
	var next [maxBits + 2]int
	longest, code := 0, 0
	for n := 1; n <= maxBits; n++ {
		code <<= 1
		next[n] = code
		code += count[n]
		if count[n] > 0 {
			longest = n
		}
		if code > 1<<n {
			return false
		}
	}
	first := table[:1<<tableBits]
	if longest == 0 {
		clear(first)
		return true
	}
	code >>= maxBits - longest
	if code != 1<<longest {
		if code != 1 || longest != 1 {
			return false
		}
		clear(first)
	}
	end := 1 << tableBits
	if longest > int(tableBits) {
		clear(first) // 0: a link that is still to be made
	}
	for sym, n := range lengths {
		if n == 0 {
			continue
		}
		code := next[n]
		next[n]++
		at := int(bits.Reverse16(uint16(code)) >> (16 - n))
		if uint(n) <= tableBits {
			e := symbols[sym] | uint32(n)
			for ; at < len(first); at += 1 << n {
				first[at] = e
			}
			continue
		}
		low := at & (1<<tableBits - 1)
		if first[low] == 0 { // made for the longest code that there is
			more := longest - int(tableBits)
			if end+1<<more > len(table) {
				return false
			}
			first[low] = uint32(end)<<16 | uint32(more)<<4 | kindLink | uint32(tableBits)
			end += 1 << more
		}
		link := first[low]
		second := table[link>>16:][:1<<(link>>4&15)]
		e := symbols[sym] | uint32(n) - uint32(tableBits)
		for at >>= tableBits; at < len(second); at += 1 << (uint(n) - tableBits) {
			second[at] = e
		}
	}
	return true
}
