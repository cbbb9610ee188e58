package analyze_test

import (
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// noise returns text of n characters that looks random. It is generated so that no file of this
// repository contains anything that scanners take for a secret.
func noise(n int) string {
	const signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	var b strings.Builder
	for x := uint32(2024); b.Len() < n; {
		x = x*1664525 + 1013904223 // the generator of Numerical Recipes
		b.WriteByte(signs[int(x>>16)%len(signs)])
	}
	return b.String()
}

// pem returns a PEM block.
func pem(label string) string {
	return "-----BEGIN " + label + "-----\n" + noise(64) + "\n" + noise(64) + "\n-----END " + label + "-----\n"
}

// tokens replaces {NAME} in fixtures with a token made from its prefix.
var tokens = strings.NewReplacer(
	"{github}", "gh"+"p_"+noise(36), "{aws}", "AK"+"IA"+strings.ToUpper(noise(16)), "{awssecret}", noise(40),
	"{key}", strings.ReplaceAll(pem("PRIVATE "+"KEY"), "\n", `\n`), "{cert}", strings.ReplaceAll(pem("CERTIFICATE"), "\n", `\n`),
	"{npm}", "np"+"m_"+noise(36), "{noise}", noise(24),
)

// checkedWith analyses the first image of the fixture text and checks it against rules.
func checkedWith(t *testing.T, text, shape, rules string) (*analyze.Analysis, *analyze.Outcome) {
	t.Helper()
	f, err := testkit.Parse(tokens.Replace(text))
	if err != nil {
		t.Fatal(err)
	}
	ref, platform := f.Ref(testkit.ShapeNamed(shape).Write(t, f), f.Images[0])
	a := run(t, ref, source.Options{Platform: platform, Collect: analyze.Collectors()})
	return a, analyze.Hold(t, a, rules)
}

// resultOf formats the one result of an outcome, and its findings.
func resultOf(o *analyze.Outcome) string {
	r := o.Results[0]
	verdict := "holds"
	switch {
	case r.Unchecked:
		verdict = "not checked"
	case r.Failed:
		verdict = "fails"
	}
	return fmt.Sprintf("%s %s: %s\n%s", r.Rule, verdict, r.Message, told(o.Findings))
}

// secretFixture has a secret of every kind (in the base image, visible, covered, deleted, in
// the environment, in a label and in the history) and files that are named like secrets but
// aren't.
const secretFixture = `-- image fixture:1 linux/amd64 --
step "FROM scratch"
empty "ENV GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305"
step "COPY . /app # buildkit"
step "RUN |2 NPM_TOKEN={noise} DEBUG=1 /bin/sh -c npm ci # buildkit"
step "RUN /bin/sh -c curl -H \"Authorization: Bearer {noise}\" https://api.invalid/x -o /x # buildkit"
step "RUN /bin/sh -c rm /app/id_rsa /app/unknown.key # buildkit"
empty "ENV API_TOKEN={github}"
env "GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305"
env "API_TOKEN={github}"
env "DATABASE_URL=postgres://shop:pa55-word@db/shop"
env "DB_PASSWORD_FILE=/run/secrets/db"
env "ALLOW_EMPTY_PASSWORD=yes"
env "PASSWORD=changeme"
label org.example.source=https://x-access-token:{noise}@git.invalid/a/b
label org.example.title=token
-- layer --
file etc/ssl/private/ssl-cert-snakeoil.key "{key}"
file opt/vendor.key "{key}"
file opt/named-only.key 40
-- layer --
file app/.env "# shop\nPORT=3000\nGITHUB={github}\nAWS_SECRET_ACCESS_KEY={awssecret}\n"
file app/.env.development "PORT=3000\nDB_PASSWORD=\nSESSION_SECRET=${SESSION_SECRET}\n"
file app/.env.empty
file app/tls/server.key "{key}"
file app/tls/server.pem "{cert}"
file app/tls/ca-bundle.pem "{cert}{cert}"
file app/id_rsa "{key}"
file app/unknown.key 40
file app/.npmrc "registry=https://registry.invalid/\n"
file app/test/key.pem "{key}"
file app/node_modules/a/key.pem "{key}"
file root/.docker/config.json "{\"auths\": {\"r.invalid\": {\"auth\": \"{noise}\"}}}"
file root/.aws/config "[default]\nregion = eu-central-1\n"
file root/.pgpass "db:5432:shop:shop:s3cret-word\n"
-- layer --
file root/.npmrc "//registry.invalid/:_authToken={npm}\n"
-- layer --
file root/.npmrc "registry=https://registry.invalid/\n"
file x 5
-- layer --
file app/.wh.id_rsa
file app/.wh.unknown.key
`

func TestRuleSecret(t *testing.T) {
	_, o := checkedWith(t, secretFixture, "docker-20", "secret on")
	got := resultOf(o)
	testkit.Golden(t, filepath.Join("testdata", "rule-secret.golden"), got, *update)
	for _, shape := range []string{"containerd", "oci-dir", "docker-20.gz"} {
		_, other := checkedWith(t, secretFixture, shape, "secret on")
		if text := resultOf(other); text != got {
			t.Errorf("%s says\n%s\ndocker-20\n%s", shape, text, got)
		}
	}
	if strings.Contains(got, noise(12)) {
		t.Errorf("output contains a secret:\n%s", got)
	}
}

// TestRuleSecretFails checks that a private key that shows in a layer fails the check if the
// rule is an error, but not if it's a warning. A certificate doesn't count.
func TestRuleSecretFails(t *testing.T) {
	for _, c := range []struct {
		name, files string
		rules       string
		failed      bool
	}{
		{"a private key, as an error", `file srv/server.key "{key}"`, "secret on error", true},
		{"a private key, as a warning", `file srv/server.key "{key}"`, "secret on", false},
		{"a certificate", `file srv/server.key "{cert}"`, "secret on error", false},
		{"not looked into", "file srv/server.key 70000", "secret on error", true},
		{"empty", "file srv/server.key", "secret on error", false},
		{"a link", "symlink srv/server.key -> /run/secrets/key", "secret on error", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, o := checkedWith(t, "-- layer --\nfile base 1\n-- layer --\n"+c.files+"\n", "oci-tar", c.rules)
			if o.Failed() != c.failed {
				t.Errorf("failed %v, want %v: %s", o.Failed(), c.failed, resultOf(o))
			}
		})
	}
}

// TestSecretContents checks the contents that are found in files, by file name.
func TestSecretContents(t *testing.T) {
	jks := func(tag string) string {
		return "\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00" + tag + "\x00\x01a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05X.509\x00\x00\x00\x03abc"
	}
	p12 := "\x30\x82\x03\x00\x02\x01\x03\x30\x82\x02\x00\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
	bag := "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01"
	secret := "PRIVATE " + "KEY"
	for _, c := range []struct{ name, content, want string }{
		{"/a/key.pem", pem(secret), "private-key 1"},
		{"/a/key.pem", pem("CERTIFICATE") + pem("RSA "+secret), "private-key 5"},
		{"/a/key.pem", pem("OPENSSH " + secret), "private-key 1"},
		{"/a/key.pem", pem("ENCRYPTED " + secret), "private-key-encrypted 1"},
		{"/a/key.pem", "-----BEGIN RSA " + secret + "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n" + noise(64), "private-key-encrypted 1"},
		{"/a/key.pem", "-----BEGIN " + secret + "-----\n...\n-----END " + secret + "-----\n", "?"},
		{"/a/key.pem", pem("CERTIFICATE"), ""},
		{"/a/key.pem", pem("PUBLIC KEY"), ""},
		{"/a/id_rsa", "ssh-rsa " + noise(200) + " me@host\n", ""},
		{"/a/id_rsa", noise(100), "?"},
		{"/a/id_rsa.bak", pem("RSA " + secret), "private-key 1"},
		{"/a/.env.old", "DB_PASSWORD=hunter2\n", "named 1"},
		{"/a/server.crt", pem("CERTIFICATE") + pem(secret), "private-key 5"},
		{"/a/server.crt", pem("CERTIFICATE"), ""},
		{"/a/server.crt", "-----BEGIN TRUSTED CERTIFICATE-----\n", ""},
		{"/a/x.key", pem("PGP " + secret + " BLOCK"), "pgp 1"},
		{"/a/x.key", pem("PGP PUBLIC KEY BLOCK"), ""},
		{"/a/x.key", "\x94\x58\x04" + noise(40), "pgp 0"},
		{"/a/x.key", "\x98\x33\x04" + noise(40), ""},
		{"/a/x.ppk", "PuTTY-User-Key-File-3: ssh-ed25519\n", "putty 1"},
		{"/a/x.jks", jks("\x01"), "keystore 0"},
		{"/a/x.jks", jks("\x02"), ""},
		{"/a/x.p12", p12 + bag + "\x02", "keystore 0"},
		{"/a/x.p12", p12 + bag + "\x03", "?"},
		{"/a/x.key", "\x30\x82\x04\xa4\x02\x01\x00\x02\x82\x01\x01\x00" + strings.Repeat("\x80", 30), "private-key 0"},
		{"/a/x.kdbx", "\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5", "passwords 0"},
		{"/a/x.key", "\x00\x01\x02", "?"},
		{"/a/.env", "A=1\nB=" + "gl" + "pat-" + noise(20) + "\n", "gitlab 2"},
		{"/a/.env", "DB_PASSWORD=hunter2\n", "named 1"},
		{"/a/.env", "DB_PASSWORD=\nTOKEN=${TOKEN}\nSECRET=<secret>\nAPI_KEY=your-api-key\nPASSWORD=changeme\nTOKEN_FILE=/run/x\n", ""},
		{"/a/.env", "  \n", ""},
		{"/a/.env", "A=1\x00B", "?"},
		{"/a/.env", "export OPENAI_API_KEY=\"" + "sk" + "-proj-" + noise(60) + "\"\n", "openai 1"},
		{"/a/.env", "ANTHROPIC=" + "sk" + "-ant-api03-" + noise(60) + "\n", "anthropic 1"},
		{"/a/.env", "APP_KEY=base64:" + noise(43) + "=\n", "named 1"},
		{"/a/.npmrc", "//r/:_authToken=" + "np" + "m_" + noise(36) + "\n", "npm 1"},
		{"/a/.npmrc", "//r/:_authToken=${NPM_TOKEN}\nregistry=https://r/\n", ""},
		{"/a/.npmrc", "_auth=" + base64.StdEncoding.EncodeToString([]byte("user:password-1")) + "\n", "login 1"},
		{"/a/pip.conf", "[global]\nindex-url = https://me:" + noise(12) + "@pypi.invalid/simple\n", "url 2"},
		{"/a/pip.conf", "[global]\nindex-url = https://pypi.invalid/simple\n", ""},
		{"/a/.pypirc", "[pypi]\npassword = " + "py" + "pi-AgE" + noise(80) + "\n", "pypi 2"},
		{"/a/.netrc", "machine h login me password " + noise(8) + "\n", "login 1"},
		{"/a/.netrc", "machine h login me\n", ""},
		{"/a/.git-credentials", "https://me:" + "gh" + "p_" + noise(36) + "@github.com\n", "github 1"},
		{"/a/.git/config", "[remote \"origin\"]\n\turl = https://x-access-token:" + noise(30) + "@github.com/a/b\n", "url 2"},
		{"/a/.git/config", "[http \"https://github.com/\"]\n\textraheader = AUTHORIZATION: basic " + noise(40) + "\n", "header 2"},
		{"/root/.docker/config.json", `{"auths":{"h":{"auth":"` + noise(32) + `"}}}`, "login 1"},
		{"/root/.docker/config.json", `{"auths":{"h":{}},"credsStore":"desktop"}`, ""},
		{"/root/.aws/credentials", "[default]\naws_access_key_id = " + "AK" + "IA" + strings.ToUpper(noise(16)) + "\naws_secret_access_key = " + noise(40) + "\n", "aws 2,named 3"},
		{"/root/.aws/credentials", "[default]\naws_access_key_id = " + "AK" + "IAIOSFODNN7EXAMPLE" + "\n", ""},
		{"/a/credentials.json", `{"type":"service_account","private_key":"` + strings.ReplaceAll(pem(secret), "\n", `\n`) + `"}`, "private-key 1"},
		{"/root/.kube/config", "client-key-data: " + base64.StdEncoding.EncodeToString([]byte(pem("RSA "+secret))) + "\n", "private-key 1"},
		{"/root/.kube/config", "client-certificate-data: " + base64.StdEncoding.EncodeToString([]byte(pem("CERTIFICATE"))) + "\n", ""},
		{"/a/secrets.yml", "production:\n  secret_key_base: <%= ENV[\"SECRET_KEY_BASE\"] %>\n", ""},
		{"/a/x.env", "C=DefaultEndpointsProtocol=https;" + "Account" + "Key=" + noise(86) + "==\n", "azure 1"},
	} {
		if got := analyze.LookInto(c.name, c.content); got != c.want {
			t.Errorf("%s: %q, want %q in\n%s", c.name, got, c.want, c.content)
		}
	}
}

// TestMasked checks that steps are shown without their secrets and otherwise unchanged.
func TestMasked(t *testing.T) {
	github := "gh" + "p_" + noise(36)
	for _, c := range []struct{ step, want string }{
		{"RUN apt-get install -y --no-install-recommends curl=7.88.1-10", ""},
		{"RUN make PREFIX=/usr && rm -rf /root/.cache", ""},
		{"RUN adduser --disabled-password --gecos '' app", ""},
		{"RUN --mount=type=secret,id=token TOKEN=$(cat /run/secrets/token) make", ""},
		{"RUN sed -i 's/password=.*/password=/' /etc/x", ""},
		{"RUN gpg --batch --passphrase '' --quick-gen-key x", ""},
		{"RUN git clone https://github.com/a/b@v1", ""},
		{"RUN chown -R 1000:1000 /srv && curl -fsSL https://h/x -o x", ""},
		{"ENV PATH=/usr/local/bin:/usr/bin", ""},
		{"ENV GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305", ""},
		{"RUN git clone https://me:" + noise(12) + "@h/a", "RUN git clone https://me:...@h/a"},
		{"RUN git clone https://" + github + "@github.com/a", "RUN git clone https://...@github.com/a"},
		{"RUN curl -H 'Authorization: Bearer " + noise(20) + "' h", "RUN curl -H 'Authorization: Bearer ...' h"},
		{"RUN curl -H \"PRIVATE-TOKEN: " + noise(20) + "\" h", "RUN curl -H \"PRIVATE-TOKEN: ...\" h"},
		{"RUN curl -u me:" + noise(12) + " h", "RUN curl -u me:... h"},
		{"RUN export TOKEN=" + noise(20) + " && make", "RUN export TOKEN=... && make"},
		{"RUN TOKEN=\"" + noise(20) + " more\" make", "RUN TOKEN=\"...\" make"},
		{"RUN tool --password " + noise(9) + " --user me", "RUN tool --password ... --user me"},
		{"ENV DB_PASSWORD=two words", "ENV DB_PASSWORD=..."},
		{"ARG NPM_TOKEN=" + noise(20), "ARG NPM_TOKEN=..."},
		{"RUN mkdir -p /srv/app && cp -pr a b && apt-get -p x install y && nc -p 80", ""},
		{"RUN mysql -p app < x.sql", ""},
		{"RUN mysql -p\"$PASS\" app && mysqldump -p${PASS} app", ""},
		{"RUN apt-get install -y mysql-client -pHunter2", ""},
		{"RUN mysql -e x; mkdir -pHunter2", ""},
		{"RUN sshpass -e ssh -p 2222 me@h", ""},
		{"RUN sshpass -f /run/x scp -p a me@h:", ""},
		{"RUN docker login -u me --password-stdin < /run/x && docker run -p 8080:80 x", ""},
		{"RUN echo \"root:$PASS\" | chpasswd && echo a:Hunter2 | tee x", ""},
		{"RUN curl -H 'Accept: text/html' -H 'X-Api-Key: $KEY' h", ""},
		{"RUN sshpass -p Hunter2 ssh -p 22 me@h", "RUN sshpass -p ... ssh -p 22 me@h"},
		{"RUN sshpass -p 'Hunter 2' scp a me@h:", "RUN sshpass -p '...' scp a me@h:"},
		{"RUN sshpass -pHunter2 ssh me@h", "RUN sshpass -p... ssh me@h"},
		{"RUN docker login -u me -p Hunter2 h", "RUN docker login -u me -p ... h"},
		{"RUN docker login -u me --password Hunter2 h", "RUN docker login -u me --password ... h"},
		{"RUN /usr/bin/podman login -p Hunter2 h", "RUN /usr/bin/podman login -p ... h"},
		{"RUN mysql -uroot -pHunter2 app", "RUN mysql -uroot -p... app"},
		{"RUN x && mysqldump -u root -p'Hunter 2' app > x", "RUN x && mysqldump -u root -p'...' app > x"},
		{"RUN mysqladmin -pHunter2", "RUN mysqladmin -p..."},
		{"RUN curl -H 'PRIVATE-TOKEN: Hunter2-word' h", "RUN curl -H 'PRIVATE-TOKEN: ...' h"},
		{"RUN curl --header \"X-Api-Key: Hunter2-word\" h", "RUN curl --header \"X-Api-Key: ...\" h"},
		{"RUN echo root:Hunter2 | chpasswd", "RUN echo root:... | chpasswd"},
		{"RUN printf 'root:Hunter2\\n' | sudo chpasswd -c SHA512", "RUN printf 'root:...\\n' | sudo chpasswd -c SHA512"},
		{"RUN echo \"root:Hunter2\"|/usr/sbin/chpasswd", "RUN echo \"root:...\"|/usr/sbin/chpasswd"},
		{"|1 NPM_TOKEN=two words cmd /S /C npm ci", "|1 NPM_TOKEN=... cmd /S /C npm ci"},
		{"|2 NPM_TOKEN=two words A=b /bin/sh -c npm ci", "|2 NPM_TOKEN=... A=b /bin/sh -c npm ci"},
	} {
		want := c.want
		if want == "" {
			want = c.step
		}
		if got := analyze.Masked(c.step); got != want {
			t.Errorf("%s\nis shown as\n%s\nwant\n%s", c.step, got, want)
		}
	}
}

// TestSecretScanIsLinear checks that text designed to keep the scan busy takes time in
// proportion to its length: four times as long takes four times the work, not sixteen times.
// One pair of runs that shows this is enough, since a busy machine can make the longer run look
// too slow, but not every time.
func TestSecretScanIsLinear(t *testing.T) {
	testkit.Long(t, "it times texts of several lengths")
	scan := func(text string) time.Duration {
		start := time.Now()
		for _, name := range []string{"/.env", "/.npmrc", "/.netrc", "/.pgpass", "/id_rsa", "/.bash_history"} {
			analyze.LookInto(name, text)
		}
		analyze.Masked(text)
		return time.Since(start)
	}
	const short, long, tries = 16 << 10, 64 << 10, 10
	for _, unit := range []string{
		"TOKEN=", "TOKEN=$", "sk-", "xoxb-", "eyJ", "://a:", "://:@", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "\"", "\\", "password ", "--token ", " -u a:b curl",
		"a:b:c:d:e\n", "mysql -p", "sshpass -p ", "echo a:", "a:b | chpasswd", "-H 'X-Api-Key: ", "AccountKey=", "Authorization: Bearer ", "token: \"", "LS0tLS1CRUdJTi", "A.", "TOKEN=a ",
	} {
		var tried []string
		for range tries {
			a, b := scan(strings.Repeat(unit, short/len(unit))), scan(strings.Repeat(unit, long/len(unit)))
			if b < 8*a {
				tried = nil
				break
			}
			tried = append(tried, fmt.Sprintf("%v and %v", a, b))
		}
		if tried != nil {
			t.Errorf("%q, repeated to %d and to %d bytes: %v", unit, short, long, tried)
		}
	}
}

func FuzzSecretContents(f *testing.F) {
	f.Add("/a/.env", "TOKEN="+noise(20))
	f.Add("/a/key.pem", pem("PRIVATE "+"KEY"))
	f.Add("/a/x.jks", "\xfe\xed\xfe\xed\x00\x00\x00\x02\xff\xff\xff\xff\x00\x00\x00\x02\xff\xff")
	f.Add("/a/x.p12", "\x30\x82\x03\x00\x02\x01\x03\x30\x82\x02\x00\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01")
	f.Add("/a/.netrc", "password x")
	f.Add("/a/.pgpass", "a:b:c:d:e\n\\:::::")
	f.Add("/a/.bash_history", "curl -u a:b -H 'Authorization: Basic abc' --password \"")
	f.Fuzz(func(t *testing.T, name, content string) {
		if len(content) > 64<<10 {
			return
		}
		start := time.Now()
		analyze.LookInto("/"+name, content)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%v for %d bytes", took, len(content))
		}
		// Masked text no longer contains a secret that the scan found.
		masked := analyze.Masked(content)
		for _, s := range analyze.CommandSecrets(content) {
			if len(s) > 20 && strings.Count(content, s) == 1 && strings.Contains(masked, s) {
				t.Errorf("%q is in %q", s, masked)
			}
		}
	})
}
