package engine

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A boundedCodec rejects responses that would take much more memory than bytes: an empty image of
// a list takes two bytes, and a hundred times that when decoded.
type boundedCodec struct {
	encoding.CodecV2
	values int // maximum number of fields in a response; a message counts as objectCost
}

// Unmarshal decodes a response.
func (b boundedCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if m, ok := v.(proto.Message); ok {
		buf := data.MaterializeToBuffer(mem.DefaultBufferPool())
		left, err := countValues(buf.ReadOnlyData(), m.ProtoReflect().Descriptor(), b.values)
		buf.Free()
		if err != nil {
			return err
		}
		if left < 0 {
			return fmt.Errorf("an answer of more than %d values", b.values)
		}
	}
	return b.CodecV2.Unmarshal(data, v)
}

// maxNesting is the maximum nesting depth of messages. Those of containerd nest three deep.
const maxNesting = 16

// countValues subtracts the fields of a message, including nested ones, from
// left; the result is negative if there are too many. It leaves malformed data
// to the decoder.
func countValues(text []byte, of protoreflect.MessageDescriptor, left int) (int, error) {
	return countNested(text, of, left, maxNesting)
}

func countNested(text []byte, of protoreflect.MessageDescriptor, left, depth int) (int, error) {
	if depth == 0 {
		return 0, fmt.Errorf("an answer whose messages nest more than %d deep", maxNesting)
	}
	for len(text) > 0 && left >= 0 {
		number, kind, n := protowire.ConsumeTag(text)
		if n < 0 {
			return left, nil
		}
		text = text[n:]
		if n = protowire.ConsumeFieldValue(number, kind, text); n < 0 {
			return left, nil
		}
		left--
		field := of.Fields().ByNumber(number)
		if kind == protowire.BytesType && field != nil && field.Message() != nil {
			inner, _ := protowire.ConsumeBytes(text)
			var err error
			if left, err = countNested(inner, field.Message(), left-objectCost, depth-1); err != nil {
				return 0, err
			}
		}
		text = text[n:]
	}
	return left, nil
}
