package inflate

import "math/bits"

// A decoding table is indexed by the next tableBits bits of the input. Its entries are
//
//	bits  0-5   number of input bits that the symbol takes, with its extra bits;
//	            tableBits for a link
//	bits  8-11  how many of them are its code, 1 to 15 (in a second table: the
//	            part of the code beyond tableBits); for a link: number of bits
//	            that index the second table
//	bits 12-15  its kind
//	bits 16-31  the literal, the base of a length or distance, or the start of
//	            the second table
type entry = uint32

// Kinds of entries. Without any of these flags, it is a length or a distance: a base and extra
// bits.
const (
	kindLiteral = 1 << 12
	kindSpecial = 1 << 13 // none of the frequent kinds: a link, the end, or an invalid code
	kindLink    = kindSpecial | 1<<14
	kindEnd     = kindSpecial | 1<<15
	kindInvalid = kindSpecial                 // an invalid code
	kindNone    = kindSpecial | 1<<14 | 1<<15 // no code begins like this

	kindMask = kindLiteral | kindSpecial | 1<<14 | 1<<15
)

// codeBits returns the number of bits in e's code, without extra bits.
func codeBits(e entry) uint { return uint(e >> 8 & 15) }

// coded returns the entry for a symbol with a code of n bits.
func coded(symbol entry, n uint) entry { return symbol + entry(n)<<8 + entry(n) }

// The number of bits that index the first tables: with more bits they take longer to fill, with
// fewer bits second lookups are more frequent.
const (
	litBits  = 11
	distBits = 9
	maxBits  = 15

	litMask  = 1<<litBits - 1
	distMask = 1<<distBits - 1
)

// The size of the tables including all second tables. In a complete code, at least two symbols
// share a second table, and none is larger than 1<<(maxBits-tableBits).
const (
	litSize  = 1<<litBits + 288/2<<(maxBits-litBits)
	distSize = 1<<distBits + 32/2<<(maxBits-distBits)
)

const (
	maxLit  = 286
	maxDist = 30
)

var codeOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// litEntries and distEntries are the entries of the symbols, without the lengths of their
// codes.
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

// build fills a table for symbols with codes of the given lengths (0 for no code). It returns
// the length of the shortest code, or 0 if there is none, and whether the code is valid:
// complete, a single code of one bit, or empty.
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
		clear(first) // 0 marks a link that isn't made yet
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
		if first[low] == 0 { // sized for the longest code
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
