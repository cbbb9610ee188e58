package grow

import "testing"

func TestAppend(t *testing.T) {
	type row struct{ a, b uint64 }
	asked := int64(0)
	Before(func(bytes int64) { asked = bytes })
	defer reserve.Store(nil)
	var got []row
	const n = 3 * large / 16
	for i := range uint64(n) {
		got = Append(got, row{i, ^i})
	}
	if len(got) != n {
		t.Fatalf("%d elements, want %d", len(got), n)
	}
	for i, r := range got {
		if r != (row{uint64(i), ^uint64(i)}) {
			t.Fatalf("element %d is %v", i, r)
		}
	}
	if c := cap(got); c > n*3/2 || asked < n*16 || asked > int64(c)*16 {
		t.Errorf("got room for %d elements after asking for %d bytes", c, asked)
	}
	// A slice that ends inside another one's array is moved when that array is full.
	base := []int{1, 2, 3}
	if part := Append(base[:2:2], 9); part[2] != 9 || base[2] != 3 {
		t.Errorf("%v, %v", part, base)
	}
}
