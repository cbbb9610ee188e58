//go:build dev

package main

import (
	"slices"
	"time"
)

// image is the content of the archive.
type image struct {
	config map[string]any
	steps  []step
}

// shopkeeper is the user and group ID of the account that useradd makes.
const shopkeeper = 1000

// edited is the modification time of everything in the build context.
var edited = time.Date(2025, time.February, 27, 16, 5, 0, 0, time.UTC)

// shop returns the sample image. A comment beside each step names the fault that it shows.
func shop() image {
	requirements := file("srv/shop/requirements.txt", "flask==3.1.0\njinja2==3.1.5\ngunicorn==23.0.0\n").dated(edited)
	context := buildContext(requirements)
	return image{
		config: map[string]any{
			"User":         "shop",
			"Env":          []string{"PATH=/usr/local/bin:/usr/sbin:/usr/bin", "SHOP_PORT=8000"},
			"Entrypoint":   []string{"/usr/bin/python3", "-m", "gunicorn"},
			"Cmd":          []string{"--bind=:8000", "app:app"},
			"WorkingDir":   "/srv/shop",
			"ExposedPorts": map[string]any{"8000/tcp": map[string]any{}},
			"Labels": map[string]string{
				"org.opencontainers.image.title":   "shop",
				"org.opencontainers.image.version": "1.4",
			},
		},
		steps: []step{
			{"# debian.sh --arch 'amd64' out/ 'bookworm' '@1740355200'", base()},
			{`CMD ["bash"]`, nil},
			{"ENV SHOP_PORT=8000", nil},
			{"RUN /bin/sh -c apt-get update && apt-get install -y --no-install-recommends nginx python3 python3-pip # buildkit", packages()},
			{"WORKDIR /srv/shop", []*entry{dir("srv/shop")}},
			{"COPY requirements.txt . # buildkit", []*entry{dir("srv/shop"), requirements}},
			{"RUN /bin/sh -c pip install -r requirements.txt # buildkit", libraries()},
			// Too late: the layer below still has the files. (removed)
			{"RUN /bin/sh -c rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /root/.cache # buildkit", cleaned()},
			// The whole context, with a secret, and requirements.txt again. (identical)
			{"COPY . . # buildkit", context},
			// Every file of the application again. (metadata)
			{"RUN /bin/sh -c useradd -u 1000 shop && chown -R shop:shop /srv/shop # buildkit", owned(context)},
			// static/ is made again, and the file "release" becomes a directory. (opaque,
			// replaced)
			{"RUN /bin/sh -c rm -rf static release && npm run build # buildkit", built()},
			// Covers the package's own file. (overwritten)
			{"COPY config/nginx.conf /etc/nginx/nginx.conf # buildkit", configured()},
			// The secret no longer shows, but is shipped. (removed, also from the base)
			{"RUN /bin/sh -c rm -rf .env deploy_key node_modules /usr/share/doc /usr/share/man # buildkit", tidied()},
			{"USER shop", nil},
			{"EXPOSE [8000/tcp]", nil},
			{`ENTRYPOINT ["/usr/bin/python3" "-m" "gunicorn"]`, nil},
			{`CMD ["--bind=:8000" "app:app"]`, nil},
		},
	}
}

const passwd = "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n"

func base() []*entry {
	return []*entry{
		symlink("bin", "usr/bin"),
		file("etc/debian_version", "12.9\n"),
		file("etc/group", "root:x:0:\nshadow:x:42:\nwww-data:x:33:\n"),
		symlink("etc/os-release", "../usr/lib/os-release"),
		file("etc/passwd", passwd),
		file("etc/shadow", "root:*:20146:0:99999:7:::\n").perm(0o640).own(0, 42),
		symlink("lib", "usr/lib"),
		dir("root").perm(0o700),
		dir("tmp").perm(0o1777),
		program("usr/bin/bash", 5600),
		program("usr/bin/perl", 3600),
		hardlink("usr/bin/perl5.36.0", "usr/bin/perl").perm(0o755),
		symlink("usr/bin/sh", "bash"),
		file("usr/lib/os-release", "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n"),
		prose("usr/share/doc/bash/changelog.Debian", 2800),
		prose("usr/share/doc/bash/copyright", 1500),
		prose("usr/share/man/man1/bash.1", 3600),
		prose("var/lib/dpkg/status", 1800),
	}
}

func packages() []*entry {
	return []*entry{
		file("etc/nginx/nginx.conf", "user www-data;\nworker_processes auto;\n\n# "+words("nginx.conf", 1400)),
		symlink("usr/bin/python3", "python3.11"),
		program("usr/bin/python3.11", 6300),
		program("usr/sbin/nginx", 3800),
		prose("usr/share/doc/python3/copyright", 1200),
		blob("var/cache/apt/archives/nginx_1.22.1-9_amd64.deb", 2200),
		blob("var/cache/apt/archives/python3.11_3.11.2-6_amd64.deb", 4000),
		prose("var/lib/apt/lists/deb.debian.org_dists_bookworm_InRelease", 1500),
		prose("var/lib/apt/lists/deb.debian.org_dists_bookworm_main_Packages", 7200),
		file("var/lib/dpkg/status", words("var/lib/dpkg/status", 1800)+words("python3", 1100)),
	}
}

func libraries() []*entry {
	const site = "usr/local/lib/python3.11/dist-packages"
	return []*entry{
		dir("root").perm(0o700),
		blob("root/.cache/pip/flask-3.1.0-py3-none-any.whl", 2900),
		prose(site+"/flask/__init__.py", 1300),
		prose(site+"/flask/app.py", 3500),
		prose(site+"/jinja2/compiler.py", 2600),
	}
}

func cleaned() []*entry {
	return []*entry{
		dir("root").perm(0o700),
		whiteout("root/.cache"),
		whiteout("var/cache/apt/archives/nginx_1.22.1-9_amd64.deb"),
		whiteout("var/cache/apt/archives/python3.11_3.11.2-6_amd64.deb"),
		whiteout("var/lib/apt/lists/deb.debian.org_dists_bookworm_InRelease"),
		whiteout("var/lib/apt/lists/deb.debian.org_dists_bookworm_main_Packages"),
	}
}

const app = `from flask import Flask, render_template

app = Flask(__name__)


@app.get("/")
def index():
    return render_template("index.html")
`

// buildContext returns the files that "COPY . ." copies, including requirements.txt.
func buildContext(requirements *entry) []*entry {
	again := *requirements
	files := []*entry{
		dir("srv/shop"),
		file("srv/shop/.env", "PAYMENT_KEY=a-secret-that-nobody-should-ship\n"),
		file("srv/shop/app.py", app),
		file("srv/shop/deploy_key", "Here would stand the private key of the deployment.\n").perm(0o600),
		dir("srv/shop/node_modules"),
		dir("srv/shop/node_modules/bundler"),
		prose("srv/shop/node_modules/bundler/index.js", 2400),
		file("srv/shop/release", "1.3\n"),
		&again,
		dir("srv/shop/static"),
		prose("srv/shop/static/app.js", 1600),
		blob("srv/shop/static/hero.jpg", 5000),
		dir("srv/shop/templates"),
		prose("srv/shop/templates/index.html", 900),
	}
	for _, e := range files {
		e.dated(edited)
	}
	return files
}

func owned(context []*entry) []*entry {
	account := []*entry{
		file("etc/passwd", passwd+"shop:x:1000:1000::/home/shop:/bin/sh\n"),
	}
	return append(account, copied(context, shopkeeper, shopkeeper)...)
}

func built() []*entry {
	release := []*entry{
		dir("srv/shop"),
		dir("srv/shop/release"),
		dir("srv/shop/release/1.4"),
		prose("srv/shop/release/1.4/app.min.js", 1100),
	}
	static := append(opaque("srv/shop/static"),
		hardlink("srv/shop/static/app.js", "srv/shop/release/1.4/app.min.js"),
		blob("srv/shop/static/hero.webp", 2100))
	return copied(slices.Concat(release, static), shopkeeper, shopkeeper)
}

func configured() []*entry {
	return []*entry{
		file("etc/nginx/nginx.conf", `user www-data;

http {
    server {
        listen 80;
        location /static { root /srv/shop; }
        location /       { proxy_pass http://127.0.0.1:8000; }
    }
}
`).dated(edited),
	}
}

func tidied() []*entry {
	return []*entry{
		dir("srv/shop").own(shopkeeper, shopkeeper),
		whiteout("srv/shop/.env"),
		whiteout("srv/shop/deploy_key"),
		whiteout("srv/shop/node_modules"),
		whiteout("usr/share/doc"),
		whiteout("usr/share/man"),
	}
}
