package analyze

import (
	"encoding/base64"
	"strings"
)

// A secretKind is one kind of secret.
type secretKind struct {
	id   string // used in the cache and in indexes
	what string // with an article, for a sentence: "a GitHub token"
}

// Kinds without a known prefix.
var (
	privateKeyKind = &secretKind{"private-key", "a private key"}
	lockedKeyKind  = &secretKind{"private-key-encrypted", "a private key, encrypted"}
	pgpKind        = &secretKind{"pgp", "a private PGP key"}
	puttyKind      = &secretKind{"putty", "a private key of PuTTY"}
	keystoreKind   = &secretKind{"keystore", "a keystore with a private key"}
	passwordsKind  = &secretKind{"passwords", "a database of passwords"}
	urlKind        = &secretKind{"url", "a URL with a password"}
	headerKind     = &secretKind{"header", "the credentials of an HTTP header"}
	loginKind      = &secretKind{"login", "a login with its password"}
	namedKind      = &secretKind{"named", "a value that is named like a secret"}
	jwtKind        = &secretKind{"jwt", "a JSON web token"}
)

// A tokenShape is the format of one issuer's tokens: a unique prefix followed by a number of
// characters.
type tokenShape struct {
	prefix    string
	body      *charSet // of the rest
	least     int      // minimum number of those characters
	most      int      // maximum; 0: unlimited
	mixed     int      // minimum number of distinct characters
	kind      *secretKind
	confirmed func(body string) bool // additional test; may be nil
}

// A charSet has one bit for each byte.
type charSet [4]uint64

func newCharSet(chars string) *charSet {
	var s charSet
	for i := 0; i < len(chars); i++ {
		if i+2 < len(chars) && chars[i+1] == '-' {
			for c := int(chars[i]); c <= int(chars[i+2]); c++ {
				s[c/64] |= 1 << (c % 64)
			}
			i += 2
			continue
		}
		s[chars[i]/64] |= 1 << (chars[i] % 64)
	}
	return &s
}

func (s *charSet) has(c byte) bool { return s[c/64]&(1<<(c%64)) != 0 }

var (
	alnum   = newCharSet("A-Za-z0-9")
	wordSet = newCharSet("A-Za-z0-9_")
	dashed  = newCharSet("A-Za-z0-9_-")
	dotted  = newCharSet("A-Za-z0-9_.-")
	upper   = newCharSet("A-Z0-9")
	hexSet  = newCharSet("0-9a-f")
	base64s = newCharSet("A-Za-z0-9+/=")
)

// tokenShapes are the known formats. Sources: the issuers' documentation, as collected in the
// pattern lists of gitleaks and GitHub.
var tokenShapes = func() []tokenShape {
	var all []tokenShape
	add := func(id, what string, shape tokenShape, prefixes ...string) {
		shape.kind = &secretKind{id, what}
		if shape.mixed == 0 {
			shape.mixed = 8
		}
		for _, p := range prefixes {
			shape.prefix = p
			all = append(all, shape)
		}
	}
	add("github", "a GitHub token", tokenShape{body: wordSet, least: 36}, "ghp_", "gho_", "ghu_", "ghs_", "ghr_")
	add("github", "a GitHub token", tokenShape{body: wordSet, least: 60}, "github_pat_")
	add("gitlab", "a GitLab token", tokenShape{body: dotted, least: 20}, "glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "gloas-", "glsoat-", "glagent-")
	add("aws", "an AWS access key", tokenShape{body: upper, least: 16, most: 16}, "AKIA", "ASIA")
	add("google", "a Google API key", tokenShape{body: dashed, least: 35, most: 35, mixed: 12}, "AIza")
	add("google-oauth", "a Google OAuth secret", tokenShape{body: dashed, least: 24}, "GOCSPX-")
	add("slack", "a Slack token", tokenShape{body: dashed, least: 20}, "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xapp-")
	add("stripe", "a Stripe key", tokenShape{body: alnum, least: 20}, "sk_live_", "rk_live_")
	add("npm", "an npm token", tokenShape{body: alnum, least: 36, most: 36}, "npm_")
	add("pypi", "a PyPI token", tokenShape{body: dashed, least: 50}, "pypi-AgE")
	add("docker", "a Docker Hub token", tokenShape{body: dashed, least: 24}, "dckr_pat_", "dckr_oat_")
	add("sendgrid", "a SendGrid key", tokenShape{body: dotted, least: 60, confirmed: func(s string) bool { return strings.Count(s, ".") == 1 }}, "SG.")
	add("twilio", "a Twilio key", tokenShape{body: hexSet, least: 32, most: 32}, "SK")
	add("huggingface", "a Hugging Face token", tokenShape{body: alnum, least: 30, most: 40}, "hf_")
	add("openai", "an OpenAI key", tokenShape{body: dashed, least: 40, mixed: 12}, "sk-proj-", "sk-svcacct-", "sk-admin-")
	add("openai", "an OpenAI key", tokenShape{body: alnum, least: 48, most: 48, mixed: 12}, "sk-")
	add("anthropic", "an Anthropic key", tokenShape{body: dashed, least: 32, mixed: 12}, "sk-ant-")
	add("digitalocean", "a DigitalOcean token", tokenShape{body: hexSet, least: 64, most: 64}, "dop_v1_", "doo_v1_", "dor_v1_")
	add("vault", "a Vault token", tokenShape{body: dashed, least: 24}, "hvs.", "hvb.", "hvr.")
	add("azure", "an Azure key", tokenShape{body: base64s, least: 40, mixed: 12}, "AccountKey=", "SharedAccessKey=")
	add("age", "an age key", tokenShape{body: upper, least: 58, most: 58}, "AGE-SECRET-KEY-1")
	add("grafana", "a Grafana token", tokenShape{body: wordSet, least: 41}, "glsa_")
	add("atlassian", "an Atlassian token", tokenShape{body: newCharSet("A-Za-z0-9_=-"), least: 80}, "ATATT3")
	add("doppler", "a Doppler token", tokenShape{body: alnum, least: 40}, "dp.pt.", "dp.st.", "dp.sa.")
	add("shopify", "a Shopify token", tokenShape{body: newCharSet("0-9a-fA-F"), least: 32, most: 32}, "shpat_", "shpss_", "shpca_", "shppa_")
	add("rubygems", "a RubyGems key", tokenShape{body: hexSet, least: 48, most: 48}, "rubygems_")
	add("newrelic", "a New Relic key", tokenShape{body: upper, least: 27, most: 27}, "NRAK-")
	add("postman", "a Postman key", tokenShape{body: newCharSet("0-9a-f-"), least: 59, most: 59}, "PMAK-")
	add("brevo", "a Brevo key", tokenShape{body: newCharSet("A-Za-z0-9-"), least: 70}, "xkeysib-")
	add("jwt", jwtKind.what, tokenShape{body: dotted, least: 40, mixed: 16, confirmed: isJWT}, "eyJ")
	// A private key in PEM, encoded again in base64, as in a kubeconfig.
	add("private-key", privateKeyKind.what, tokenShape{body: base64s, least: 100, mixed: 12, confirmed: func(s string) bool {
		begins, _ := base64.StdEncoding.DecodeString("LS0tLS1CRUdJTi" + s[:50])
		return strings.Contains(string(begins), "PRIVATE KEY")
	}}, "LS0tLS1CRUdJTi")
	return all
}()

// isJWT reports whether the text after the "eyJ" of a token completes one: a header, claims (also
// a JSON object) and a signature.
func isJWT(s string) bool {
	parts := strings.Split(s, ".")
	return len(parts) == 3 && strings.HasPrefix(parts[1], "eyJ") && len(parts[2]) >= 20
}

// shapesAt maps the first two bytes of a prefix to a group of formats; there are fewer than 256
// groups. It holds no pointers: 65,536 slices would be 1.5 MB that every garbage collection
// scans.
var shapesAt = func() (at struct {
	group  [1 << 16]uint8
	groups [][]*tokenShape // the first one is empty
},
) {
	at.groups = make([][]*tokenShape, 1)
	for i := range tokenShapes {
		s := &tokenShapes[i]
		k := &at.group[int(s.prefix[0])<<8|int(s.prefix[1])]
		if *k == 0 {
			*k = uint8(len(at.groups))
			at.groups = append(at.groups, nil)
		}
		at.groups[*k] = append(at.groups[*k], s)
	}
	return at
}()

// secretKindOf returns the kind with an ID, or nil.
func secretKindOf(id string) *secretKind { return secretKindsByID[id] }

var secretKindsByID = func() map[string]*secretKind {
	all := map[string]*secretKind{}
	for _, k := range []*secretKind{
		privateKeyKind, lockedKeyKind, pgpKind, puttyKind, keystoreKind, passwordsKind, urlKind, headerKind, loginKind, namedKind, jwtKind,
	} {
		all[k.id] = k
	}
	for i := range tokenShapes {
		if k := all[tokenShapes[i].kind.id]; k != nil {
			tokenShapes[i].kind = k // one for each ID
			continue
		}
		all[tokenShapes[i].kind.id] = tokenShapes[i].kind
	}
	return all
}()
