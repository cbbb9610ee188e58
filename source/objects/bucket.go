package objects

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// A bucket is a store below a prefix in a bucket of an object store with the S3 API.
//
// The environment names the place and the credentials, as for Amazon's own tools:
// AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and
// AWS_SECRET_ACCESS_KEY (with AWS_SESSION_TOKEN), else the shared credentials file with
// AWS_PROFILE, else the role of the machine, the container or the service account.
type bucket struct {
	client *minio.Client
	creds  *credentials.Credentials
	name   string
	prefix string // "" or ending with a slash
}

var _ Store = (*bucket)(nil)

// Time limits and retries for a store.
const (
	answerTime = 2 * time.Minute // until the answer starts
	putRetries = 5               // in addition to the client's own
)

// maxAnswer is the largest answer that isn't the content of an object. A listing of 1,000 of the
// longest names takes about 4 MiB.
const maxAnswer = 16 << 20

// A bounded transport refuses longer answers: the client reads them into memory.
type bounded struct{ http.RoundTripper }

func (t bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	a, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return a, err
	}
	content := r.URL.RawQuery == "" && (a.StatusCode == http.StatusOK || a.StatusCode == http.StatusPartialContent)
	if !content {
		a.Body = &boundedBody{a.Body, maxAnswer}
	}
	return a, nil
}

// A boundedBody is the body of an answer, with an error after the bytes left.
type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the store's answer is longer than 16 MiB")
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// openBucket opens BUCKET[/PREFIX].
func openBucket(ctx context.Context, place string) (*bucket, error) {
	name, prefix, _ := strings.Cut(place, "/")
	if prefix = strings.Trim(prefix, "/"); name == "" || prefix != "" && !ValidName(prefix) {
		return nil, fmt.Errorf("%w: %q: write s3://BUCKET/PREFIX", ErrRefused, "s3://"+place)
	}
	endpoint := cmp.Or(os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"), "https://s3.amazonaws.com")
	if !strings.Contains(endpoint, "://") {
		endpoint = "https://" + endpoint
	}
	at, err := url.Parse(endpoint)
	if err != nil || at.Host == "" || at.Path != "" && at.Path != "/" || at.Scheme != "http" && at.Scheme != "https" {
		return nil, fmt.Errorf("%w: AWS_ENDPOINT_URL: not the address of an object store: write https://HOST[:PORT]", ErrRefused)
	}
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok { // always true
		return nil, errors.New("no transport")
	}
	transport = transport.Clone()
	transport.ResponseHeaderTimeout = answerTime
	creds := credentials.New(&credentials.Chain{Providers: []credentials.Provider{
		&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{Client: &http.Client{Transport: transport, Timeout: answerTime}},
	}})
	b := &bucket{creds: creds, name: name}
	if prefix != "" {
		b.prefix = prefix + "/"
	}
	b.client, err = minio.New(at.Host, &minio.Options{
		Creds: creds, Secure: at.Scheme == "https", Transport: bounded{transport},
		Region: cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")),
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	switch there, err := b.client.BucketExists(ctx, name); {
	case err != nil && code(err) != "AccessDenied": // credentials for put and get may lack this permission
		return nil, b.failed("opening it", err)
	case err == nil && !there:
		return nil, fmt.Errorf("%w: %s: no such bucket", ErrRefused, b)
	}
	return b, nil
}

func (b *bucket) String() string { return "s3://" + b.name + "/" + strings.TrimSuffix(b.prefix, "/") }

// Open asks for the size of the object, and reads it by ranges.
func (b *bucket) Open(ctx context.Context, name string) (Object, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	return b.open(ctx, name)
}

func (b *bucket) open(ctx context.Context, name string) (*bucketObject, error) {
	var info minio.ObjectInfo
	err := b.again(func() (err error) {
		info, err = b.client.StatObject(ctx, b.name, b.prefix+name, minio.StatObjectOptions{})
		return err
	})
	if err != nil {
		if c := code(err); c == "NoSuchKey" || c == "NotFound" {
			return nil, notThere(b, name)
		}
		return nil, b.failed("reading "+name, err)
	}
	if info.Size < 0 {
		return nil, b.failed("reading "+name, errors.New("the answer has no size"))
	}
	return &bucketObject{ctx, b, name, info.Size, info.ETag, info.LastModified}, nil
}

// A bucketObject reads one version of an object: replacing it meanwhile causes an error.
type bucketObject struct {
	ctx  context.Context //nolint:containedctx // io.ReaderAt has none
	b    *bucket
	name string
	size int64
	etag string    // "" from a store that has none, such as a gateway to a file system
	at   time.Time // when it was stored
}

// get requests a part of the object.
func (o *bucketObject) get(off, size int64) (io.ReadCloser, error) {
	var opts minio.GetObjectOptions
	if err := opts.SetRange(off, off+size-1); err != nil {
		return nil, err
	}
	if o.etag != "" {
		if err := opts.SetMatchETag(o.etag); err != nil {
			return nil, err
		}
	}
	body, info, header, err := minio.Core{Client: o.b.client}.GetObject(o.ctx, o.b.name, o.b.prefix+o.name, opts)
	if err != nil {
		return nil, err
	}
	if err := o.check(info, header.Get("Content-Range"), off, off+size-1); err != nil {
		return nil, errors.Join(err, body.Close())
	}
	return body, nil
}

// check compares an answer with the request for the bytes first to last. Some stores ignore the
// condition that the ETag is the same, and some ignore ranges.
func (o *bucketObject) check(info minio.ObjectInfo, answered string, first, last int64) error {
	if o.etag == "" && !info.LastModified.Equal(o.at) || o.etag != "" && info.ETag != "" && info.ETag != o.etag {
		return errors.New("it was replaced while it was read")
	}
	if answered == "" && first == 0 {
		return nil // all of it: its start was requested
	}
	total, ok := strings.CutPrefix(answered, fmt.Sprintf("bytes %d-%d/", first, last))
	switch {
	case answered == "":
		return errors.New("the store does not return parts of an object: it ignores the header Range")
	case !ok:
		return fmt.Errorf("the store answers with another part (%q) than the bytes %d-%d", answered, first, last)
	case total != "*" && total != strconv.FormatInt(o.size, 10):
		return fmt.Errorf("the store says that its size is %q bytes now, not %d", total, o.size)
	}
	return nil
}

func (o *bucketObject) Size() int64  { return o.size }
func (o *bucketObject) Close() error { return nil }

// ReadAt sends one request.
func (o *bucketObject) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("a negative place")
	}
	want := int(min(int64(len(p)), max(o.size-off, 0)))
	if want == 0 {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	var n int
	err := o.b.again(func() error {
		body, err := o.get(off, int64(want))
		if err != nil {
			return err
		}
		n, err = io.ReadFull(body, p[:want])
		return errors.Join(err, body.Close())
	})
	if err != nil {
		return n, o.b.failed("reading "+o.name, err)
	}
	if want < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// List requests a thousand names at a time.
func (b *bucket) List(ctx context.Context, prefix string, fn func(name string, size int64) error) error {
	return b.list(ctx, b.prefix+prefix, func(key string, size int64) error {
		name, ok := strings.CutPrefix(key, b.prefix)
		if !ok || !ValidName(name) {
			return nil // foreign object
		}
		return fn(name, size)
	})
}

func (b *bucket) list(ctx context.Context, prefix string, fn func(key string, size int64) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for info := range b.client.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if info.Err != nil {
			return b.failed("listing "+prefix, info.Err)
		}
		if err := fn(info.Key, info.Size); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Put sends the object with If-None-Match: if two programs send it at once, one of them learns
// that it exists. A store without support for the header keeps either of the two equal objects.
func (b *bucket) Put(ctx context.Context, name string, r io.ReadSeeker, size int64) (made bool, err error) {
	if err := checkName(name); err != nil {
		return false, err
	}
	for try := 0; ; try++ {
		err := b.again(func() error {
			if _, err := r.Seek(0, io.SeekStart); err != nil {
				return err
			}
			opts := minio.PutObjectOptions{ContentType: "application/octet-stream", DisableMultipart: true, SendContentMd5: true}
			opts.SetMatchETagExcept("*")
			_, err := b.client.PutObject(ctx, b.name, b.prefix+name, r, size, opts)
			return err
		})
		switch c := code(err); {
		case err == nil:
			return true, nil
		case c == "PreconditionFailed", minio.ToErrorResponse(err).StatusCode == http.StatusPreconditionFailed:
			return false, nil
		case (c == "ConditionalRequestConflict" || c == "OperationAborted") && try < putRetries: // another program is writing it
			select {
			case <-ctx.Done():
				return false, ctx.Err()
			case <-time.After(time.Duration(try+1) * 200 * time.Millisecond):
			}
		default:
			return false, b.failed("writing "+name, err)
		}
	}
}

// again sends a request, and once more with new credentials if the first ones have expired.
func (b *bucket) again(do func() error) error {
	err := do()
	if slices.Contains([]string{"ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired"}, code(err)) {
		b.creds.Expire()
		err = do()
	}
	return err
}

// code returns the store's error code, or "".
func code(err error) string {
	if err == nil {
		return ""
	}
	if answer, ok := errors.AsType[minio.ErrorResponse](err); ok {
		return answer.Code
	}
	return ""
}

// lasting are the error codes for which a retry is useless.
var lasting = []string{
	"AccessDenied", "AllAccessDisabled", "AccountProblem", "InvalidAccessKeyId", "SignatureDoesNotMatch",
	"ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired", "NoSuchBucket", "InvalidBucketName",
	"PermanentRedirect", "AuthorizationHeaderMalformed", "MethodNotAllowed", "InvalidStorageClass", "InvalidArgument", "QuotaExceeded",
}

// failed describes a failure, and marks it if a retry is useless.
func (b *bucket) failed(doing string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if slices.Contains(lasting, code(err)) {
		return fmt.Errorf("%w: %s: %s: %s: %w", ErrRefused, b, doing, code(err), err)
	}
	return &RequestError{fmt.Errorf("%s: %s: %w", b, doing, err)}
}
