package inflate

import "math/bits"

// A decoding table is looked up by the next tableBits bits of the input. Its
// entries are
//
//	bits  0-5   how many bits of the input the symbol takes, its extra bits
//	            included; of a link: tableBits
//	bits  8-11  how many of them are its code, 1 to 15 (in a second table: what
//	            is left of the code beyond tableBits); of a link: how many bits
//	            index the second table
//	bits 12-15  what it is
//	bits 16-31  the literal, the base of a length or distance, or where the
//	            second table begins
type entry = uint32

// What an entry is. Without any of these flags it is a length or a distance: a
// base and extra bits.
const (
	kindLiteral = 1 << 12
	kindSpecial = 1 << 13 // none of the frequent ones: a link, the end, or a code that may not be
	kindLink    = kindSpecial | 1<<14
	kindEnd     = kindSpecial | 1<<15
	kindInvalid = kindSpecial                 // a code that may not be used
	kindNone    = kindSpecial | 1<<14 | 1<<15 // no code begins so

	kindMask = kindLiteral | kindSpecial | 1<<14 | 1<<15
)

// codeBits returns how many bits the code of e takes, without extra bits.
func codeBits(e entry) uint { return uint(e >> 8 & 15) }

// coded returns the entry of a symbol whose code takes n bits.
func coded(symbol entry, n uint) entry { return symbol + entry(n)<<8 + entry(n) }

// The bits that index the first tables: more make them slower to fill, fewer
// make second lookups more frequent.
const (
	litBits  = 11
	distBits = 9
	maxBits  = 15

	litMask  = 1<<litBits - 1
	distMask = 1<<distBits - 1
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
		lit[i] = uint32(base)<<16 | uint32(extra)
		base += 1 << extra
	}
	lit[285] = 258 << 16
	lit[286], lit[287] = kindInvalid, kindInvalid
	base = 1
	for i := range 30 {
		extra := max(0, (i-2)/2)
		dist[i] = uint32(base)<<16 | uint32(extra)
		base += 1 << extra
	}
	dist[30], dist[31] = kindInvalid, kindInvalid
	for i := range plain {
		plain[i] = uint32(i) << 16
	}
	return lit, dist, plain
}()

// build fills a table for symbols with codes of the given lengths (0: none). It
// returns the length of the shortest code, 0 if there is none, and whether the
// lengths make a complete code, a single one of one bit, or none.
func build(table []entry, tableBits uint, lengths []uint8, symbols []entry) (shortest uint, ok bool) {
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
			if shortest == 0 {
				shortest = uint(n)
			}
		}
		if code > 1<<n {
			return 0, false
		}
	}
	first := table[:1<<tableBits]
	switch code >>= maxBits - longest; {
	case longest == 0:
		fill(first, kindNone)
		return 0, true
	case code == 1 && longest == 1: // the other half of the table
		fill(first, kindNone)
	case code != 1<<longest:
		return 0, false
	case longest > int(tableBits):
		clear(first) // 0: a link that is still to be made
	}
	end := 1 << tableBits
	for sym, length := range lengths {
		n := uint(length)
		if n == 0 {
			continue
		}
		code := next[n]
		next[n]++
		at := int(bits.Reverse16(uint16(code)) >> (16 - n))
		if n <= tableBits {
			e := coded(symbols[sym], n)
			for ; at < len(first); at += 1 << n {
				first[at] = e
			}
			continue
		}
		low := at & (1<<tableBits - 1)
		if first[low] == 0 { // made for the longest code that there is
			more := longest - int(tableBits)
			if end+1<<more > len(table) {
				return 0, false
			}
			first[low] = uint32(end)<<16 | kindLink | uint32(more)<<8 | uint32(tableBits)
			end += 1 << more
		}
		link := first[low]
		second := table[link>>16:][:1<<codeBits(link)]
		e := coded(symbols[sym], n-tableBits)
		for at >>= tableBits; at < len(second); at += 1 << (n - tableBits) {
			second[at] = e
		}
	}
	return shortest, true
}

func fill(table []entry, e entry) {
	for i := range table {
		table[i] = e
	}
}
