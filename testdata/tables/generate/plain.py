import tarfile,io,json,hashlib,os,random,sys
out=sys.argv[1]; os.makedirs(out+'/blobs/sha256')
def put(b):
    d=hashlib.sha256(b).hexdigest(); open(out+'/blobs/sha256/'+d,'wb').write(b); return 'sha256:'+d,len(b)
r=random.Random(7)
def layer(fn):
    f=io.BytesIO(); t=tarfile.open(fileobj=f,mode='w',format=tarfile.PAX_FORMAT); fn(t); t.close(); return f.getvalue()
def add(t,name,type=tarfile.REGTYPE,data=b'',mode=0o644,uid=0,gid=0,mtime=1700000000,link='',x={},dev=(0,0)):
    i=tarfile.TarInfo(name); i.type=type; i.mode=mode; i.uid=uid; i.gid=gid; i.mtime=mtime; i.linkname=link; i.size=len(data); i.devmajor,i.devminor=dev
    i.pax_headers={'SCHILY.xattr.'+k:v for k,v in x.items()}
    t.addfile(i,io.BytesIO(data))
D=tarfile.DIRTYPE
big=bytes(r.randrange(32,127) for _ in range(12000)); 
holes=big[:3000]+bytes(40000)+big[3000:6000]
def one(t):
    add(t,'./',D,mode=0o755)
    add(t,'./etc/',D,mode=0o755)
    add(t,'./etc/passwd',data=b'root:x:0:0::/:/bin/sh\n',uid=0)
    add(t,'./etc/empty')
    add(t,'./bin/',D,mode=0o1777)
    add(t,'./bin/su',data=b'#!su'*40,mode=0o4755,x={'user.note':'hello','security.selinux':'system_u:object_r:bin_t'})
    add(t,'./bin/su2',tarfile.LNKTYPE,link='./bin/su',mode=0o4755)
    add(t,'./bin/sh',tarfile.SYMTYPE,link='su',mode=0o777)
    add(t,'./big',data=big,uid=1000,gid=1000000,mtime=0)
    add(t,'./holes',data=holes)
    add(t,'./dev/',D,mode=0o755)
    add(t,'./dev/null',tarfile.CHRTYPE,dev=(1,3),mode=0o666)
    add(t,'./dev/sda',tarfile.BLKTYPE,dev=(8,0),mode=0o660,gid=6)
    add(t,'./dev/pipe',tarfile.FIFOTYPE)
    add(t,'./a <&> "ü" '+'n'*120,data=b'long name')
    add(t,'./same',data=b'same content\n'*300)
    add(t,'./touched',data=b'touched\n'*30)
def two(t):
    add(t,'./etc/.wh.passwd',mode=0)
    add(t,'./same',data=b'same content\n'*300)
    add(t,'./touched',data=b'touched\n'*30,mode=0o600)
    add(t,'./big',data=big[:-1]+b'!',uid=1000,gid=1000000,mtime=5)
    add(t,'./opaque/',D,mode=0o755)
    add(t,'./opaque/.wh..wh..opq',mode=0)
    add(t,'./opaque/x',data=b'x')
ls=[layer(one),layer(two)]
cfg={'architecture':'amd64','os':'linux','config':{},'created':'2024-01-02T03:04:05Z','rootfs':{'type':'layers','diff_ids':['sha256:'+hashlib.sha256(l).hexdigest() for l in ls]},'history':[{'created_by':'one'},{'created_by':'two'}]}
cd,cs=put(json.dumps(cfg).encode())
layers=[dict(zip(('digest','size'),put(l)),mediaType='application/vnd.oci.image.layer.v1.tar') for l in ls]
m=json.dumps({'schemaVersion':2,'mediaType':'application/vnd.oci.image.manifest.v1+json','config':{'mediaType':'application/vnd.oci.image.config.v1+json','digest':cd,'size':cs},'layers':layers}).encode()
md,ms=put(m)
json.dump({'schemaVersion':2,'manifests':[{'mediaType':'application/vnd.oci.image.manifest.v1+json','digest':md,'size':ms}]},open(out+'/index.json','w'))
open(out+'/oci-layout','w').write('{"imageLayoutVersion":"1.0.0"}')
